package c2d

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

func TestResume(t *testing.T) {
	for _, tt := range []struct {
		name    string
		resume  func(context.Context, Args) (bool, any, error)
		settled string
		runs    int
		body    string
	}{
		{"happened", func(context.Context, Args) (bool, any, error) { return true, "it did", nil }, "completed", 0, `{"result":"it did"}`},
		{"did not", func(context.Context, Args) (bool, any, error) { return false, nil, nil }, "completed", 1, `{"result":"ran"}`},
		{"cannot tell", func(context.Context, Args) (bool, any, error) { return false, nil, errors.New("no trace of it") }, "rejected", 0, "no trace of it"},
	} {
		for _, unsure := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				r := newRig(t, Options{}, Action{Name: "x", Repeat: Resumable, Resume: tt.resume,
					Run: func(context.Context, Args) (any, error) { runs++; return "ran", nil }})
				if r.journal.unsure = unsure; !unsure {
					r.journal.entries = append(r.journal.entries, &fakeEntry{id: "m1", seq: 1})
				}
				f := r.hub.send("m1", "x", "")
				synctest.Wait()
				if got := r.hub.outcome(f); got != tt.settled || runs != tt.runs {
					t.Errorf("%s, unsure %v: %s, ran %d times", tt.name, unsure, got, runs)
				}
				r.wantResult("m1", tt.settled, tt.body)
			})
		}
	}
}

// rebooter is an action whose effect is the end of the process; it knows by a
// number whether that has been.
func rebooter(boot *string, effects *int, fails error) Action {
	after := func() error { *effects++; return fails }
	return Action{
		Name: "reboot", Repeat: Resumable,
		Resume: func(context.Context, Args) (bool, any, error) { return false, nil, nil },
		Run: func(context.Context, Args) (any, error) {
			return Result{AfterSettle: after, Due: *boot}, nil
		},
		Prove: func(note string) Result {
			switch {
			case strings.HasSuffix(note, " again"):
				return Result{Value: "gave up"}
			case note == *boot:
				return Result{AfterSettle: after, Due: note + " again"}
			default:
				return Result{Value: note + " then " + *boot}
			}
		},
	}
}

// A result that is due comes from the next start: settled, then the effect, then
// the proof.
func TestPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boot, effects := "one", 0
		r := newRig(t, Options{}, rebooter(&boot, &effects, nil))
		f := r.hub.send("m1", "reboot", "")
		synctest.Wait()
		if r.hub.outcome(f) != "completed" || effects != 1 || len(r.journal.results) != 0 {
			t.Fatalf("settled %q, %d effects, %d results", r.hub.outcome(f), effects, len(r.journal.results))
		}
		_ = r.loop.Recover(t.Context()) // of the same life: nothing is proven yet
		if len(r.journal.results) != 0 || effects != 1 {
			t.Errorf("%d results, %d effects before the restart", len(r.journal.results), effects)
		}
		r.stop()
		<-r.ended
		boot = "two"
		r.make(Options{}, rebooter(&boot, &effects, nil))
		r.start()
		for range 2 {
			if err := r.loop.Recover(t.Context()); err != nil {
				t.Error(err)
			}
		}
		r.wantResult("m1", "completed", `{"result":"one then two"}`)
		again := r.hub.send("m1", "reboot", "")
		synctest.Wait()
		if r.hub.outcome(again) != "completed" || effects != 1 {
			t.Errorf("a duplicate: settled %q, %d effects", r.hub.outcome(again), effects)
		}
	})
}

// The process ended between the settlement and the effect: the next start has it,
// and the one after that says that it cannot be had.
func TestPromiseNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boot, effects := "one", 0
		r := newRig(t, Options{}, rebooter(&boot, &effects, nil))
		r.journal.entries = append(r.journal.entries, &fakeEntry{
			id: "m1", due: "one", outcome: store.Outcome{Verdict: store.Completed},
			command: store.Command{MessageID: "m1", Name: "reboot", Door: DoorDevicebound},
		})
		_ = r.loop.Recover(t.Context())
		if effects != 1 || len(r.journal.results) != 0 {
			t.Errorf("%d effects, %d results", effects, len(r.journal.results))
		}
		_ = r.loop.Recover(t.Context())
		if effects != 1 {
			t.Errorf("%d effects", effects)
		}
		r.wantResult("m1", "completed", "gave up")
	})
}

// An effect that fails after the settlement is told by the result.
func TestPromiseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boot, effects := "one", 0
		r := newRig(t, Options{}, rebooter(&boot, &effects, errors.New("not permitted")))
		r.hub.send("m1", "reboot", "")
		synctest.Wait()
		r.wantResult("m1", "completed", `{"done":false,"error":"not permitted"}`)
	})
}

// What an earlier run has begun and nobody will send again is rejected; what the
// hub will send again waits for it.
func TestRecoverBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun})
		for _, door := range []string{DoorDevicebound, DoorMethods, DoorLocal} {
			c := store.Command{MessageID: door, Name: "x", Door: door}
			r.journal.entries = append(r.journal.entries, &fakeEntry{id: door, command: c})
		}
		gone := store.Command{MessageID: "gone", Name: "removed", Door: DoorDevicebound}
		r.journal.entries = append(r.journal.entries, &fakeEntry{id: "gone", due: "note", outcome: store.Outcome{Verdict: store.Completed}, command: gone})
		_ = r.loop.Recover(t.Context())
		if n := len(r.journal.resultsOf(DoorDevicebound)); n != 0 {
			t.Errorf("%d results of what comes again", n)
		}
		r.wantResult(DoorMethods, "rejected", ConditionInterrupted)
		r.wantResult(DoorLocal, "rejected", ConditionInterrupted)
		r.wantResult("gone", "completed", `no command \"removed\"`)
	})
}

// The hub has given up what was begun longer ago than it keeps messages.
func TestLapsed(t *testing.T) {
	l := New(Options{DeviceID: func() string { return "" }, Journal: newFakeJournal(t), Clock: synced})
	for ago, want := range map[time.Duration]bool{time.Hour: false, lapse - time.Minute: false, lapse + time.Minute: true} {
		if l.lapsed(store.JournalEntry{Begun: time.Now().Add(-ago)}) != want {
			t.Errorf("begun %v ago: lapsed is not %v", ago, want)
		}
	}
	if l.lapsed(store.JournalEntry{}) {
		t.Error("begun at no known time: lapsed")
	}
}
