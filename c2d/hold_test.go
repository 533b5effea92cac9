package c2d

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

func TestExpired(t *testing.T) {
	for _, trust := range []clock.Trust{clock.TrustSynced, clock.TrustPlausible} {
		t.Run(trust.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ran atomic.Int32
				r := newRig(t, Options{Clock: fakeClock{trust}}, Action{Name: "x", Run: func(context.Context, Args) (any, error) { ran.Add(1); return nil, nil }})
				f := r.hub.put(message{id: "m1", hasCommand: true, command: "x", expires: time.Now().Add(-time.Second)})
				synctest.Wait()
				if trust == clock.TrustSynced {
					r.want(f, "rejected", ConditionExpired, "expired at")
					r.wantResult("m1", "rejected", ConditionExpired)
				} else {
					r.want(f, "completed", "", "")
				}
				if want := trust != clock.TrustSynced; (ran.Load() == 1) != want {
					t.Errorf("ran %d times", ran.Load())
				}
			})
		})
	}
}

func TestExpiresWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "x", Ready: func(Args) error { return &BusyError{"moving"} }, Run: stubRun})
		f := r.hub.put(message{id: "m1", hasCommand: true, command: "x", expires: time.Now().Add(10 * time.Second)})
		time.Sleep(12 * time.Second)
		r.want(f, "rejected", ConditionExpired, "")
	})
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begins := 0
		r := newRig(t, Options{Hold: 10 * time.Second}, Action{Name: "x", Ready: func(Args) error { return &BusyError{"pump cools down"} }, Run: stubRun})
		f := r.hub.send("m1", "x", "")
		time.Sleep(9 * time.Second)
		if r.hub.releases(f) != 0 || r.hub.outcome(f) != "" {
			t.Fatalf("not held: %d releases, settled %q", r.hub.releases(f), r.hub.outcome(f))
		}
		time.Sleep(2 * time.Second)
		if begins = r.journal.begins; r.hub.releases(f) != 1 || begins != 0 {
			t.Fatalf("%d releases, %d begins; want 1, 0", r.hub.releases(f), begins)
		}
		time.Sleep(11 * time.Second)
		if r.hub.releases(f) != 2 {
			t.Fatalf("%d releases, want 2", r.hub.releases(f))
		}
		time.Sleep(20 * time.Second)
		r.want(f, "rejected", ConditionBusy, "pump cools down (given back 2 times before)")
		r.wantResult("m1", "rejected", ConditionBusy)
		if got, want := r.steps("m1"), "receive decode hold settle:abandoned receive decode hold settle:abandoned receive decode hold settle:rejected"; got != want {
			t.Errorf("steps = %s\nwant    %s", got, want)
		}
		if s := r.loop.Stats(); s.Abandoned != 2 || s.Rejected != 1 || s.Received != 3 {
			t.Errorf("stats = %+v", s)
		}
	})
}

// The hub's own count of deliveries is believed after a restart of the agent.
func TestBusyCountedByHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Hold: time.Second}, Action{Name: "x", Ready: func(Args) error { return &BusyError{"busy"} }, Run: stubRun})
		r.hub.mu.Lock()
		r.hub.nextSeq++
		f := &fakeMessage{message: message{id: "m1", seq: 1, hasCommand: true, command: "x"}, releases: 2}
		r.hub.queue = append(r.hub.queue, f)
		r.hub.wake()
		r.hub.mu.Unlock()
		time.Sleep(2 * time.Second)
		r.want(f, "rejected", ConditionBusy, "")
	})
}

// Without a count from the hub, the process counts itself.
func TestBusyCountedByMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Hold: time.Second}, Action{Name: "x", Ready: func(Args) error { return &BusyError{"busy"} }, Run: stubRun})
		r.hub.set(func(h *fakeHub) { h.forgets = true })
		f := r.hub.send("m1", "x", "")
		time.Sleep(5 * time.Second)
		r.want(f, "rejected", ConditionBusy, "given back 2 times")
	})
}

// A command that is done is settled again at once, however busy the gateway is.
func TestDoneIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun, Ready: func(Args) error {
			if busy.Load() {
				return &BusyError{"busy"}
			}
			return nil
		}})
		lost := false
		r.hub.lose = func() (bool, bool) {
			before := !lost
			lost = true
			return before, false
		}
		f := r.hub.send("m1", "x", "")
		synctest.Wait()
		busy.Store(true)
		time.Sleep(lockFor + time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", "")
		if s := r.loop.Stats(); s.Again != 1 || s.Unsettled != 1 {
			t.Errorf("stats = %+v", s)
		}
	})
}

func TestBusyThenReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun, Ready: func(Args) error {
			if time.Since(from) < 20*time.Second {
				return &BusyError{"moving"}
			}
			return nil
		}})
		f := r.hub.send("m1", "x", "")
		time.Sleep(22 * time.Second)
		r.want(f, "completed", "", "")
		if r.hub.releases(f) != 0 {
			t.Errorf("released %d times", r.hub.releases(f))
		}
	})
}

func TestReadyRefuses(t *testing.T) {
	for name, ready := range map[string]func(Args) error{
		"error": func(Args) error { return &RejectError{ConditionInvalid, "no valve 7"} },
		"panic": func(Args) error { panic("no valve 7") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{}, Action{Name: "x", Ready: ready, Run: stubRun})
				f := r.hub.send("m1", "x", "")
				synctest.Wait()
				if r.hub.outcome(f) != "rejected" || !strings.Contains(r.hub.words(f), "no valve 7") {
					t.Errorf("settled %q %q", r.hub.outcome(f), r.hub.words(f))
				}
				r.wantResult("m1", "rejected", "no valve 7")
			})
		})
	}
}

func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		full.Store(true)
		var ran atomic.Int32
		r := newRig(t, Options{Hold: 10 * time.Second}, Action{Name: "x", Run: func(context.Context, Args) (any, error) { ran.Add(1); return nil, nil }})
		r.journal.fail = func(call string) (error, error) {
			if full.Load() && call == "begin" {
				return store.ErrDiskFull, nil
			}
			return nil, nil
		}
		f := r.hub.send("m1", "x", "")
		time.Sleep(45 * time.Second)
		if r.hub.releases(f) != 4 || r.hub.outcome(f) != "" || ran.Load() != 0 || len(r.journal.results) != 0 {
			t.Errorf("%d releases, settled %q, ran %d times, %d results; want 4 releases and nothing else", r.hub.releases(f), r.hub.outcome(f), ran.Load(), len(r.journal.results))
		}
		full.Store(false)
		time.Sleep(10 * time.Second)
		r.want(f, "completed", "", "")
		if ran.Load() != 1 {
			t.Errorf("ran %d times", ran.Load())
		}
	})
}
