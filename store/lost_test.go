package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestJournalLost: a command older than the loss of the journal may have been
// executed, a younger one has not.
func TestJournalLost(t *testing.T) {
	o := filled(t, 10, true)
	if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		s := store.New(o)
		stop := storetest.Start(t, s)
		for age, unsure := range map[time.Duration]bool{time.Minute: true, -time.Hour: false} {
			c := store.Command{MessageID: fmt.Sprint(age, round), EnqueuedAt: time.Now().Add(-age)}
			if st, err := s.Journal().Begin(bg, c); err != nil || st.Phase != store.PhaseNew || st.Unsure != unsure {
				t.Errorf("begin of a command enqueued %v ago: %+v, %v; want unsure %v", age, st, err, unsure)
			}
		}
		stop()
	}
}

// TestFileMissing: without the file that an earlier start made, the journal is lost
// and the ledger says so. A folder that is new, or was never more than entered, has
// lost nothing.
func TestFileMissing(t *testing.T) {
	unsure := func(o store.Options) (bool, store.Stats) {
		t.Helper()
		s := store.New(o)
		stop := storetest.Start(t, s)
		defer stop()
		st, err := s.Journal().Begin(bg, store.Command{MessageID: "sent before", EnqueuedAt: time.Now().Add(-time.Minute)})
		if err != nil || st.Phase != store.PhaseNew {
			t.Errorf("begin: %+v, %v", st, err)
		}
		return st.Unsure, s.Stats()
	}
	fresh := store.Options{Dir: t.TempDir()}
	if got, st := unsure(fresh); got || len(st.LostByReason) != 0 {
		t.Errorf("a new folder: unsure %v, %v", got, st.LostByReason)
	}
	entered := store.Options{Dir: t.TempDir()}
	id := []byte(`{"store":"0a7331ca466e5563","epoch":3,"queue":false}`)
	if err := os.WriteFile(filepath.Join(entered.Dir, "identity"), id, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, st := unsure(entered); got || len(st.LostByReason) != 0 {
		t.Errorf("no file was made yet: unsure %v, %v", got, st.LostByReason)
	}
	for name, replace := range map[string]func(path string) error{
		"removed": os.Remove,
		"dangling link": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink("/nonexistent/queue.db", path))
		},
		"no identity": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(filepath.Join(filepath.Dir(path), "identity"), []byte("junk"), 0o600))
		},
	} {
		o := filled(t, 50, true)
		if err := replace(filepath.Join(o.Dir, "queue.db")); err != nil {
			t.Fatal(err)
		}
		got, st := unsure(o)
		_, gone := st.LostByReason[store.LostMissing]
		_, aside := st.LostByReason[store.LostQuarantine]
		if !got || gone == aside {
			t.Errorf("%s: unsure %v, %v", name, got, st.LostByReason)
		}
	}
}

// TestJournalLostInTheDark: while the wall clock was never set nobody can tell what
// was enqueued after the journal was lost.
func TestJournalLostInTheDark(t *testing.T) {
	o := filled(t, 10, true)
	spoil(t, o, func(b []byte) []byte { return b[:100] })
	wall := time.Unix(1000, 0)
	o.Clock = dated{&wall}
	s := storetest.Open(t, o)
	begin := func(id string, at time.Time) bool {
		t.Helper()
		st, err := s.Journal().Begin(bg, store.Command{MessageID: id, EnqueuedAt: at})
		if err != nil {
			t.Fatal(err)
		}
		return st.Unsure
	}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	if !begin("in the dark", now) {
		t.Error("sure of a command while the clock is not set")
	}
	wall = now
	if !begin("earlier", now.Add(-time.Second)) || begin("later", now.Add(time.Second)) {
		t.Error("with the clock set: unsure is wrong")
	}
}

// dated is a clock that shows what it is set to.
type dated struct{ wall *time.Time }

func (d dated) Now() clock.Stamp { return clock.Stamp{Wall: *d.wall, Trust: clock.TrustPlausible} }
