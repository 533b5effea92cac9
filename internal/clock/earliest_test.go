package clock

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestEarliestOnlyMovesForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEarliest(noon)
		time.Sleep(time.Hour)
		if at := e.At(); !at.Equal(noon.Add(time.Hour)) {
			t.Errorf("after an hour: %v", at)
		}
		if e.Raise(noon.Add(time.Minute)) || !e.At().Equal(noon.Add(time.Hour)) {
			t.Errorf("moved back to %v", e.At())
		}
		if !e.Raise(noon.Add(2*time.Hour)) || !e.At().Equal(noon.Add(2*time.Hour)) {
			t.Errorf("not raised: %v", e.At())
		}
	})
}

func TestPresentAndTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEarliest(noon)
		for _, v := range []struct {
			name    string
			wall    time.Time
			trust   Trust
			present time.Time
			want    Trust
		}{
			{"synced and later", noon.Add(time.Hour), TrustSynced, noon.Add(time.Hour), TrustSynced},
			{"synced and earlier heals the floor", noon.Add(-time.Hour), TrustSynced, noon.Add(-time.Hour), TrustSynced},
			{"plausible and later", noon.Add(time.Hour), TrustPlausible, noon.Add(time.Hour), TrustPlausible},
			{"plausible and earlier", noon.Add(-time.Hour), TrustPlausible, noon, TrustNone},
			{"a few seconds behind", noon.Add(-time.Second), TrustPlausible, noon, TrustPlausible},
			{"1970", time.Unix(0, 0), TrustNone, noon, TrustNone},
		} {
			f := NewFake(v.wall)
			f.SetTrust(v.trust)
			s := e.Judge(f).Now()
			if at := e.Present(s); !at.Equal(v.present) || s.Trust != v.want || !s.Wall.Equal(v.wall) {
				t.Errorf("%s: present %v, stamp %+v", v.name, at, s)
			}
		}
	})
}

// floorFile runs a FloorFile for a while in virtual time and returns what the
// file says and how often it was written.
func floorFile(t *testing.T, path string, e *Earliest, c Clock, lasts time.Duration) (text string, writes int) {
	t.Helper()
	ff := &FloorFile{Path: path, Earliest: e, Clock: c, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ff.Run(ctx) }()
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(30 * time.Second) {
		if now, err := os.ReadFile(path); err == nil && string(now) != text {
			text = string(now)
			writes++
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), writes
}

func TestFloorFileIsWrittenRarelyAndReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "clock-floor")
		e := NewEarliest(noon.Add(-24 * time.Hour))
		text, writes := floorFile(t, path, e, NewFake(noon).Follow(), 10*time.Hour+time.Minute)
		if want := "2026-06-01T22:01:00Z\n"; text != want {
			t.Errorf("the file says %q, want %q", text, want)
		}
		if writes < 9 || writes > 11 {
			t.Errorf("%d writes in ten hours", writes)
		}
		again := NewEarliest(noon)
		if err := (&FloorFile{Path: path, Earliest: again}).Load(); err != nil || !again.At().Equal(noon.Add(10*time.Hour+time.Minute)) {
			t.Errorf("read again: %v, %v", again.At(), err)
		}
	})
}

// Nothing vouches for the clock: it must not become the floor, however late it is.
func TestFloorFileDoesNotBelieveAnyClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "clock-floor")
		f := NewFake(noon.AddDate(20, 0, 0)).Follow()
		f.SetTrust(TrustPlausible)
		text, _ := floorFile(t, path, NewEarliest(noon), f, 2*time.Hour)
		if want := "2026-06-01T14:00:00Z\n"; text != want {
			t.Errorf("the file says %q, want %q", text, want)
		}
	})
}

// A file that may not be read knows more than we do: only a time that the clock
// vouches for may take its place.
func TestFloorFileThatMayNotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock-floor")
	if err := os.WriteFile(path, []byte("kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	f := NewFake(noon)
	ff := &FloorFile{Path: path, Earliest: NewEarliest(noon), Clock: f, Log: slog.New(slog.DiscardHandler), refused: fs.ErrPermission}
	for _, c := range []struct {
		trust Trust
		want  string
	}{{TrustPlausible, "kept\n"}, {TrustSynced, "2026-06-01T12:00:00Z\n"}} {
		f.SetTrust(c.trust)
		if err := ff.Run(ended); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != c.want {
			t.Errorf("%v: the file says %q, %v, want %q", c.trust, b, err, c.want)
		}
	}
}

func TestFloorFileThatIsDamagedIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "clock-floor")
	e := NewEarliest(noon)
	if err := (&FloorFile{Path: path, Earliest: e}).Load(); err != nil {
		t.Errorf("a first start: %v", err)
	}
	if err := os.WriteFile(path, []byte("\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&FloorFile{Path: path, Earliest: e}).Load(); err == nil {
		t.Error("a damaged file is read without an error")
	}
	if at := e.At(); at.Sub(noon) > time.Hour {
		t.Errorf("floor %v", at)
	}
}
