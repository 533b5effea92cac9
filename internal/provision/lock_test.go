//go:build unix && !solaris && !aix

package provision

import (
	"context"
	"errors"
	"maps"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// held is the folder as another provisioning keeps it.
func (r *rig) held() *os.File {
	r.t.Helper()
	if err := os.MkdirAll(string(r.to), 0o700); err != nil {
		r.t.Fatal(err)
	}
	folder, err := os.Open(string(r.to))
	if err != nil {
		r.t.Fatal(err)
	}
	if ours, err := tryLock(folder); !ours || err != nil {
		r.t.Fatal(ours, err)
	}
	return folder
}

// Another provisioning is waited for, and no longer than half a minute: the other one
// may hang on its disk. It alone says on the card what is wrong.
func TestTakeWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.give(first)
		other := r.held()
		began := time.Now()
		result, err := r.take()
		if result != Nothing || !errors.Is(err, ErrBusy) || time.Since(began) != lockWithin {
			t.Fatalf("after %v: %v, %v", time.Since(began), result, err)
		}
		if faults := Faults(err); len(faults) != 1 || faults[0].Text != string(r.to)+": another provisioning is under way" || faults[0].Hint == "" {
			t.Errorf("told: %q", faults)
		}
		if _, err := os.Stat(r.report()); err == nil {
			t.Error("a report is there")
		}
		time.AfterFunc(lockWithin/2, func() { _ = other.Close() })
		r.must(Taken)
		r.clean()
	})
}

// Whoever is told to stop waits for nobody.
func TestTakeStopsWaiting(t *testing.T) {
	r := newRig(t)
	r.give(first)
	defer r.held().Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Take(ctx, Options{From: r.from(), To: r.to, Text: anyText, Check: check}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}

// Of several at a time one takes what is there, and the others find nothing.
func TestTakeSeveralAtATime(t *testing.T) {
	for range 10 {
		r := newRig(t)
		r.give(first)
		var results [3]Result
		var errs [3]error
		var all sync.WaitGroup
		for i := range results {
			all.Go(func() { results[i], errs[i] = r.take() })
		}
		all.Wait()
		taken := 0
		for _, result := range results {
			if result == Taken {
				taken++
			}
		}
		if err := errors.Join(errs[:]...); taken != 1 || err != nil {
			t.Errorf("%v, %v", results, err)
		}
		if got := r.inForce(); !maps.Equal(got, first) {
			t.Errorf("in force: %v", got)
		}
		r.clean()
	}
}
