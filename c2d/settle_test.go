package c2d

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

func TestFinishRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun})
		r.journal.fail = func(call string) (error, error) {
			if call == "finish" && time.Since(from) < 30*time.Second {
				return store.ErrDiskFull, nil
			}
			return nil, nil
		}
		f := r.hub.send("m1", "x", "")
		time.Sleep(40 * time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", `{"result":null}`)
	})
}

// An outcome that does not reach the disk is not settled; the next delivery of its
// message brings it there, and no second effect.
func TestFinishFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		var ran atomic.Int32
		r := newRig(t, Options{}, Action{Name: "x", Run: func(context.Context, Args) (any, error) { ran.Add(1); return nil, nil }})
		r.journal.fail = func(call string) (error, error) {
			if call == "finish" && broken.Load() {
				return errors.New("i/o error"), nil
			}
			return nil, nil
		}
		f := r.hub.send("m1", "x", "")
		if err := <-r.ended; !errors.Is(err, errJournal) {
			t.Errorf("serve ended with %v, want %v", err, errJournal)
		}
		if r.hub.outcome(f) != "" || r.hub.releases(f) != 0 {
			t.Errorf("settled %q, %d releases: want neither", r.hub.outcome(f), r.hub.releases(f))
		}
		broken.Store(false)
		r.start()
		time.Sleep(70 * time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", "the result was not stored: journal: i/o error")
		if ran.Load() != 1 {
			t.Errorf("ran %d times, want 1", ran.Load())
		}
	})
}

func TestResultRefusedByStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		r := newRig(t, Options{}, Action{Name: "x", Run: func(context.Context, Args) (any, error) { return "long", nil }})
		r.journal.fail = func(call string) (error, error) {
			if call == "finish" && first {
				first = false
				return fmt.Errorf("%w: too large", store.ErrRefused), nil
			}
			return nil, nil
		}
		f := r.hub.send("m1", "x", "")
		synctest.Wait()
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", "the result was not stored")
	})
}

// A store that refuses even the short form is not asked for ever.
func TestResultAlwaysRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun})
		calls := 0
		r.journal.fail = func(call string) (error, error) {
			if call != "finish" {
				return nil, nil
			}
			if calls++; calls > 1000 {
				return store.ErrClosed, nil
			}
			return store.ErrRefused, nil
		}
		f := r.hub.send("m1", "x", "")
		if err := <-r.ended; !errors.Is(err, errJournal) || calls > 1000 {
			t.Errorf("serve ended with %v after %d calls", err, calls)
		}
		if r.hub.outcome(f) != "" || r.hub.releases(f) != 0 {
			t.Errorf("settled %q, %d releases: want neither", r.hub.outcome(f), r.hub.releases(f))
		}
	})
}

// A settlement that the hub does not answer ends the round: its credit is lost.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun})
		r.hub.set(func(h *fakeHub) { h.silent = true })
		f := r.hub.send("m1", "x", "")
		if err := <-r.ended; !errors.Is(err, errNoAnswer) {
			t.Errorf("serve ended with %v", err)
		}
		r.hub.set(func(h *fakeHub) { h.silent = false })
		r.start()
		time.Sleep(70 * time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", "")
	})
}
