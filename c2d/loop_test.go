package c2d

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

func stubRun(context.Context, Args) (any, error) { return nil, nil }

// rig is a Loop between a fake hub and a fake journal, inside a synctest bubble.
type rig struct {
	t       *testing.T
	hub     *fakeHub
	journal *fakeJournal
	loop    *Loop
	stop    context.CancelFunc
	ended   chan error

	mu      sync.Mutex
	reports []Report
}

// newRig makes and starts a Loop. It is stopped, and its end waited for, when
// the test ends.
func newRig(t *testing.T, opt Options, actions ...Action) *rig {
	t.Helper()
	r := &rig{t: t, hub: newFakeHub(), journal: newFakeJournal(t)}
	r.make(opt, actions...)
	r.start()
	t.Cleanup(func() {
		r.stop()
		if err := r.loop.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) make(opt Options, actions ...Action) {
	opt.DeviceID = func() string { return "dev" }
	opt.Journal = r.journal
	opt.Actions = actions
	if opt.Clock == nil {
		opt.Clock = synced
	}
	if opt.Allow == nil {
		for _, a := range actions {
			opt.Allow = append(opt.Allow, a.Name)
		}
	}
	opt.OnCommand = func(rep Report) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports = append(r.reports, rep)
	}
	r.loop = New(opt)
}

// start serves one link.
func (r *rig) start() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	link := r.hub.attach()
	loop := r.loop
	go func() { ended <- loop.serve(ctx, link) }()
	r.stop, r.ended = stop, ended
}

// steps lists the steps reported for a message-id.
func (r *rig) steps(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, rep := range r.reports {
		if rep.MessageID == id {
			s := string(rep.Step)
			if rep.Step == StepSettle {
				s += ":" + rep.Outcome
				if rep.Again {
					s += ":again"
				}
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

func (r *rig) want(f *fakeMessage, outcome, condition, reason string) {
	r.t.Helper()
	r.hub.set(func(*fakeHub) {
		got := *f
		if got.settled != outcome || got.cond != condition || !strings.Contains(got.reason, reason) {
			r.t.Errorf("%s: settled %q %q %q, want %q %q %q", got.id, got.settled, got.cond, got.reason, outcome, condition, reason)
		}
	})
}

// wantResult checks that there is exactly one result record for id.
func (r *rig) wantResult(id, outcome, body string) store.Record {
	r.t.Helper()
	got := r.journal.resultsOf(id)
	if len(got) != 1 {
		r.t.Fatalf("%s: %d results, want 1: %+v", id, len(got), got)
	}
	rec := got[0]
	if rec.Props["outcome"] != outcome || !strings.Contains(string(rec.Body), body) {
		r.t.Errorf("%s: result %v %s, want %s with %s", id, rec.Props, rec.Body, outcome, body)
	}
	if rec.Kind != store.KindResult || rec.Class != store.Result || rec.ContentType != "application/json" || !json.Valid(rec.Body) {
		r.t.Errorf("%s: record is malformed: %+v", id, rec)
	}
	if _, err := time.ParseDuration(rec.Props["duration"]); err != nil {
		r.t.Error(err)
	}
	return rec
}

func TestCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "add", Args: []Arg{{Name: "n", Type: "integer"}},
			Run: func(_ context.Context, a Args) (any, error) {
				time.Sleep(2 * time.Second)
				return map[string]int64{"sum": a.Integer("n") + 1}, nil
			}})
		f := r.hub.send("m1", "add", `{"n":41}`)
		time.Sleep(3 * time.Second)
		r.want(f, "completed", "", "")
		rec := r.wantResult("m1", "completed", `{"result":{"sum":42}}`)
		if rec.Props["command"] != "add" || rec.Props["duration"] != "2s" {
			t.Errorf("props = %v", rec.Props)
		}
		if got := r.steps("m1"); got != "receive decode execute settle:completed" {
			t.Errorf("steps = %s", got)
		}
		if s := r.loop.Stats(); s.Received != 1 || s.Completed != 1 || s.Rejected+s.Abandoned+s.Again+s.Unsettled != 0 || s.Running != 0 {
			t.Errorf("stats = %+v", s)
		}
	})
}

func TestUndecodableHasOneResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "ping", Run: stubRun})
		f := r.hub.send("m1", "ping", "{{{")
		g := r.hub.send("m2", "pong", "")
		h := r.hub.send("", "ping", "[]")
		synctest.Wait()
		r.want(f, "rejected", ConditionDecode, "not JSON")
		r.want(g, "rejected", ConditionNotFound, "did you mean")
		r.want(h, "rejected", ConditionDecode, "got array")
		r.wantResult("m1", "rejected", ConditionDecode)
		r.wantResult("m2", "rejected", ConditionNotFound)
		if len(r.journal.results) != 3 {
			t.Errorf("%d results, want 3", len(r.journal.results))
		}
	})
}

// The link is cut while a command runs. The command goes on, and its outcome is
// settled when the hub delivers it again.
func TestLinkCutWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		r := newRig(t, Options{}, Action{Name: "x", Run: func(ctx context.Context, _ Args) (any, error) {
			ran.Add(1)
			select {
			case <-time.After(20 * time.Second):
				return "ok", nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		f := r.hub.send("m1", "x", "")
		time.Sleep(time.Second)
		cut := time.Now()
		r.hub.cut()
		if err := <-r.ended; !errors.Is(err, errCut) {
			t.Errorf("serve ended with %v", err)
		}
		if took := time.Since(cut); took > 5*time.Second {
			t.Errorf("serve took %v to end", took)
		}
		r.hub.restore()
		r.start()
		time.Sleep(70 * time.Second)
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", `"ok"`)
		if ran.Load() != 1 {
			t.Errorf("ran %d times", ran.Load())
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{},
			Action{Name: "slow", Run: func(context.Context, Args) (any, error) { time.Sleep(2 * time.Second); return nil, nil }},
			Action{Name: "held", Ready: func(Args) error { return &BusyError{"moving"} }, Run: stubRun})
		slow := r.hub.send("m1", "slow", "")
		line := r.hub.send("m2", "slow", "")
		held := r.hub.send("m3", "held", "")
		time.Sleep(time.Second)
		r.stop()
		if err := <-r.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("serve ended with %v", err)
		}
		r.want(slow, "completed", "", "")
		r.wantResult("m1", "completed", "")
		for _, f := range []*fakeMessage{line, held} {
			if r.hub.outcome(f) != "" || r.hub.releases(f) != 1 || len(r.journal.resultsOf(f.id)) != 0 {
				t.Errorf("%s: settled %q, %d releases: want one release and no result", f.id, r.hub.outcome(f), r.hub.releases(f))
			}
		}
	})
}

// The end of a link does not interrupt what the journal is writing: a command
// whose intent is on disk is carried out.
func TestStopWhileBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{}, Action{Name: "x", Run: stubRun})
		r.journal.slow = 2 * time.Second
		f := r.hub.send("m1", "x", "")
		time.Sleep(time.Second)
		r.stop()
		<-r.ended
		r.want(f, "completed", "", "")
		r.wantResult("m1", "completed", "")
	})
}

func TestShutdown(t *testing.T) {
	for _, repeat := range []Repeat{Once, Repeatable} {
		t.Run(repeat.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{}, Action{Name: "x", Repeat: repeat, Run: func(ctx context.Context, _ Args) (any, error) {
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}})
				f := r.hub.send("m1", "x", "")
				time.Sleep(time.Second)
				r.stop()
				<-r.ended
				if n := len(r.journal.results); n != 0 {
					t.Fatalf("%d results before the shutdown", n)
				}
				if err := r.loop.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				if repeat == Repeatable {
					if r.journal.entries[0].outcome.Verdict != store.Pending || r.hub.outcome(f) != "" {
						t.Error("an interrupted repeatable command has an outcome")
					}
					return
				}
				r.wantResult("m1", "rejected", ConditionInterrupted)
			})
		})
	}
}

func TestNewPanicsOnMistakes(t *testing.T) {
	good := Options{DeviceID: func() string { return "" }, Journal: newFakeJournal(t), Clock: synced}
	for name, spoil := range map[string]func(*Options){
		"device":  func(o *Options) { o.DeviceID = nil },
		"journal": func(o *Options) { o.Journal = nil },
		"clock":   func(o *Options) { o.Clock = nil },
		"actions": func(o *Options) { o.Actions = []Action{{Name: "a"}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			New(o)
		})
	}
}
