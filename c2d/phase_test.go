package c2d

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

// Each phase that the journal can answer, for an action of each kind.
func TestPhases(t *testing.T) {
	done := store.Outcome{Verdict: store.Rejected, Condition: "amqp:x", Reason: "as before"}
	tests := []struct {
		name    string
		entry   *fakeEntry
		repeat  Repeat
		body    string
		settled string
		cond    string
		reason  string
		runs    int
		results int
	}{
		{"new", nil, Once, "", "completed", "", "", 1, 1},
		{"started once", &fakeEntry{}, Once, "", "rejected", ConditionInterrupted, "may have happened", 0, 1},
		{"started repeatable", &fakeEntry{}, Repeatable, "", "completed", "", "", 1, 1},
		{"started and undecodable", &fakeEntry{}, Repeatable, "{", "rejected", ConditionDecode, "an earlier delivery was interrupted", 0, 1},
		{"done rejected", &fakeEntry{outcome: done}, Once, "", "rejected", "amqp:x", "as before", 0, 0},
		{"done completed", &fakeEntry{outcome: store.Outcome{Verdict: store.Completed}}, Repeatable, "", "completed", "", "", 0, 0},
		{"duplicate rejected", &fakeEntry{seq: 99, outcome: done}, Once, "", "rejected", "amqp:x", "as before", 0, 0},
		{"duplicate completed", &fakeEntry{seq: 99, outcome: store.Outcome{Verdict: store.Completed}}, Once, "", "completed", "", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var runs atomic.Int32
				r := newRig(t, Options{}, Action{Name: "x", Repeat: tt.repeat,
					Run: func(context.Context, Args) (any, error) { runs.Add(1); return nil, nil }})
				if tt.entry != nil {
					tt.entry.id = "m1"
					if tt.entry.seq == 0 {
						tt.entry.seq = 1
					}
					r.journal.entries = append(r.journal.entries, tt.entry)
				}
				f := r.hub.send("m1", "x", tt.body)
				synctest.Wait()
				r.want(f, tt.settled, tt.cond, tt.reason)
				if int(runs.Load()) != tt.runs || len(r.journal.results) != tt.results {
					t.Errorf("ran %d times, %d results; want %d, %d", runs.Load(), len(r.journal.results), tt.runs, tt.results)
				}
			})
		})
	}
}

func TestUnsure(t *testing.T) {
	for _, repeat := range []Repeat{Once, Repeatable} {
		t.Run(repeat.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{}, Action{Name: "x", Repeat: repeat, Run: stubRun})
				r.journal.unsure = true
				f := r.hub.send("m1", "x", "")
				synctest.Wait()
				if repeat == Once {
					r.want(f, "rejected", ConditionInterrupted, "the journal was lost")
				} else {
					r.want(f, "completed", "", "")
				}
			})
		})
	}
}

// A request whose id was made for it cannot have been in a journal that is lost.
func TestUnsureAndFresh(t *testing.T) {
	for _, door := range []string{DoorMethods, DoorLocal} {
		for fresh, want := range map[bool]string{true: "completed", false: "rejected"} {
			synctest.Test(t, func(t *testing.T) {
				x := Action{Name: "x", Run: stubRun}
				r := newRig(t, doors(Options{}, x), x)
				r.journal.unsure = true
				if a := r.do(Request{Door: door, ID: "r1", Fresh: fresh, Name: "x"}); a.Outcome != want {
					t.Errorf("%s, fresh %v: %s %s, want %s", door, fresh, a.Outcome, a.Error, want)
				}
			})
		}
	}
}

// A duplicate of a message that an earlier run of the agent began waits for the
// original.
func TestDuplicateOfInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Hold: time.Second}, Action{Name: "x", Run: stubRun})
		r.hub.mu.Lock()
		r.hub.nextSeq = 1
		original := &fakeMessage{message: message{id: "m1", seq: 1, hasCommand: true, command: "x"}, visible: time.Now().Add(40 * time.Second)}
		r.hub.queue = append(r.hub.queue, original)
		r.hub.mu.Unlock()
		r.journal.entries = []*fakeEntry{{id: "m1", seq: 1}}
		f := r.hub.send("m1", "x", "")
		time.Sleep(3 * time.Minute)
		r.want(original, "rejected", ConditionInterrupted, "interrupted: the agent ended")
		r.want(f, "rejected", ConditionInterrupted, "interrupted: the agent ended")
		r.wantResult("m1", "rejected", ConditionInterrupted)
		if r.hub.releases(f) != 1 {
			t.Errorf("released %d times, want 1", r.hub.releases(f))
		}
	})
}

// It does not wait for ever: the original may have expired at the hub.
func TestDuplicateOfLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Hold: time.Second}, Action{Name: "x", Run: stubRun})
		r.journal.entries = []*fakeEntry{{id: "m1", seq: 99}}
		f := r.hub.send("m1", "x", "")
		time.Sleep(2 * time.Minute)
		if r.hub.outcome(f) != "" {
			t.Errorf("settled %q before the original could come again", r.hub.outcome(f))
		}
		time.Sleep(2 * time.Minute)
		r.want(f, "rejected", ConditionInterrupted, "another message")
		r.wantResult("m1", "rejected", ConditionInterrupted)
	})
}

func TestDuplicateSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		r := newRig(t, Options{}, Action{Name: "x", Run: func(context.Context, Args) (any, error) {
			ran.Add(1)
			time.Sleep(5 * time.Second)
			return nil, errors.New("failed")
		}})
		f := r.hub.send("m1", "x", "")
		g := r.hub.send("m1", "x", "")
		time.Sleep(2 * time.Second)
		if r.hub.outcome(g) != "" {
			t.Fatalf("duplicate of a running command is settled %q", r.hub.outcome(g))
		}
		time.Sleep(5 * time.Second)
		h := r.hub.send("m1", "x", "")
		synctest.Wait()
		for _, m := range []*fakeMessage{f, g, h} {
			r.want(m, "rejected", ConditionFailed, "failed")
		}
		r.wantResult("m1", "rejected", "failed")
		if s := r.loop.Stats(); ran.Load() != 1 || s.Rejected != 1 || s.Again != 2 {
			t.Errorf("ran %d times, stats = %+v", ran.Load(), s)
		}
	})
}

// The lock runs out while the command runs: the redelivery gets the outcome.
func TestLockLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		var ran atomic.Int32
		r := newRig(t, Options{Hold: 45 * time.Second}, Action{Name: "x",
			Target: func(Args) string { return "" },
			Ready: func(Args) error {
				if time.Since(from) < 40*time.Second {
					return &BusyError{"moving"}
				}
				return nil
			},
			Run: func(context.Context, Args) (any, error) { ran.Add(1); time.Sleep(30 * time.Second); return "ok", nil }})
		f := r.hub.send("m1", "x", "")
		time.Sleep(90 * time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", `"ok"`)
		if s := r.loop.Stats(); ran.Load() != 1 || s.Received != 2 || s.Unsettled != 1 || s.Again != 1 {
			t.Errorf("ran %d times, stats = %+v", ran.Load(), s)
		}
	})
}
