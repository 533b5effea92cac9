package store_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/store/storetest"
)

// spoil rewrites the file of o.
func spoil(t testing.TB, o store.Options, f func(b []byte) []byte) {
	t.Helper()
	path := filepath.Join(o.Dir, "queue.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// left drains the store of o and returns the bodies by ID, with the last Stats.
func left(t testing.TB, o store.Options) (map[string]string, store.Stats) {
	t.Helper()
	s := store.New(o)
	stop := storetest.Start(t, s)
	storetest.Ready(t, s)
	st := s.Stats()
	got := map[string]string{}
	for _, r := range storetest.Drained(t, s, o) {
		if r.Kind != store.KindLedger {
			got[r.ID.String()] = string(r.Body)
		}
	}
	stop()
	return got, st
}

// TestSalvage: what is whole in a file that cannot be opened comes back, once and
// in order, with the journal; what was settled does not.
func TestSalvage(t *testing.T) {
	for _, clean := range []bool{true, false} {
		o := filled(t, 1000, clean)
		whole, err := os.ReadFile(filepath.Join(o.Dir, "queue.db"))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := left(t, o)
		for name, c := range map[string]struct {
			spoil func(b []byte) []byte
			share float64
		}{
			"metas":     {func(b []byte) []byte { clear(b[:8192]); return b }, 1},
			"half cut":  {func(b []byte) []byte { return b[:used(b)/2*4096] }, 0.1},
			"root page": {func(b []byte) []byte { clear(b[root(b)*4096:][:4096]); return b }, 0.9},
		} {
			t.Run(fmt.Sprintf("%s clean=%v", name, clean), func(t *testing.T) {
				d := o
				d.Dir = t.TempDir()
				if err := os.WriteFile(filepath.Join(d.Dir, "queue.db"), whole, 0o600); err != nil {
					t.Fatal(err)
				}
				spoil(t, d, c.spoil)
				s := store.New(d)
				stop := storetest.Start(t, s)
				if st, err := s.Journal().Begin(bg, store.Command{MessageID: "m", Seq: 1}); err != nil || st.Phase != store.PhaseStarted && name == "metas" {
					t.Errorf("the journal forgot a command that was begun: %+v, %v", st, err)
				}
				if st, err := s.Journal().Begin(bg, store.Command{MessageID: "new"}); err != nil || !st.Unsure {
					t.Errorf("begin after an incomplete salvage: %+v, %v", st, err)
				}
				stop()
				got, st := left(t, d)
				found := 0
				for id, body := range want {
					switch b, ok := got[id]; {
					case ok && b != body:
						t.Errorf("record %s is %q, was %q", id, b, body)
					case ok:
						found++
					}
				}
				if share := float64(found) / float64(len(want)); share < c.share {
					t.Errorf("%d of %d came back", found, len(want))
				}
				if len(asides(t, d.Dir)) != 1 {
					t.Errorf("set aside: %v", asides(t, d.Dir))
				}
				t.Logf("%d of %d came back, %d in all; %v", found, len(want), len(got), st.LostByReason)
			})
		}
	}
}

// root is the page that the newer meta page begins with.
func root(b []byte) int {
	m := latestMeta(b)
	return int(m[32]) | int(m[33])<<8
}

// used is the number of pages below the high-water mark: what is behind them may
// be cut off without harm.
func used(b []byte) int {
	m := latestMeta(b)
	return int(m[56]) | int(m[57])<<8
}

func latestMeta(b []byte) []byte {
	if bytes.Compare(rev(b[4096+64:][:8]), rev(b[64:][:8])) > 0 {
		return b[4096:8192]
	}
	return b[:4096]
}

// TestFormat1: a file of one key per record is taken over whole.
func TestFormat1(t *testing.T) {
	f, err := os.Open("testdata/format1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	// A day after the file was made: the journal forgets what is a week old.
	o := store.Options{Dir: t.TempDir(), Clock: clock.NewFake(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)).Follow()}
	if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	var came int
	r, err := store.Fsck(bg, o.Dir, store.FsckOptions{Salvage: func(store.Salvaged) error { came++; return nil }})
	if err != nil || len(r.Problems) != 0 || !strings.Contains(r.Format, "format 1") || r.PerClass[store.Telemetry].Salvaged == 0 || r.JournalOpen != 1 {
		t.Errorf("fsck: %+v, %v", r, err)
	}
	s := store.New(o)
	stop := storetest.Start(t, s)
	if dl, err := s.DeadLetters(bg); err != nil || len(dl) != 2 || dl[0].Cause != "no" {
		t.Errorf("dead letters %+v, %v", dl, err)
	}
	for id, want := range map[string]store.Phase{"a": store.PhaseStarted, "b": store.PhaseDone} {
		if st, err := s.Journal().Begin(bg, store.Command{MessageID: id, Seq: uint64(id[0] - 'a' + 1)}); err != nil || st.Phase != want || st.Unsure {
			t.Errorf("begin %s: %+v, %v", id, st, err)
		}
	}
	st := s.Stats().PerClass
	if want := (store.ClassStats{Produced: 54, Delivered: 2, Queued: 50, Dead: 2, Bytes: 5640}); st[store.Telemetry] != want {
		t.Errorf("telemetry %+v, want %+v", st[store.Telemetry], want)
	}
	stop()
	got, _ := left(t, o)
	n := 0
	for _, body := range got {
		if strings.HasPrefix(body, "record ") {
			n++
		}
	}
	if came != len(got)+2 { // and the dead letters
		t.Errorf("fsck brought %d records, %d are drained", came, len(got))
	}
	if n != 50 || len(got) != 51 || len(asides(t, o.Dir)) != 0 {
		t.Errorf("%d of %d records, set aside %v", n, len(got), asides(t, o.Dir))
	}
	storetest.Verify(t, o)
}
