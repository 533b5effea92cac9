package c2d

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

// doors opens every door to the actions.
func doors(opt Options, actions ...Action) Options {
	for _, a := range actions {
		opt.Allow = append(opt.Allow, a.Name)
		opt.AllowMethods = append(opt.AllowMethods, a.Name)
		opt.AllowLocal = append(opt.AllowLocal, a.Name)
	}
	return opt
}

func (r *rig) do(req Request) Answer {
	r.t.Helper()
	a, told := r.loop.Do(context.Background(), req)
	told()
	return a
}

func TestDoAnswers(t *testing.T) {
	one := 1.0
	actions := []Action{
		{Name: "echo", Args: []Arg{{Name: "n", Type: "integer", Min: &one}}, Run: func(_ context.Context, a Args) (any, error) { return a.Integer("n"), nil }},
		{Name: "fail", Run: func(context.Context, Args) (any, error) { return nil, errors.New("broken") }},
		{Name: "locked", Run: func(context.Context, Args) (any, error) {
			return nil, &RejectError{ConditionInterlock, "the other is on"}
		}},
		{Name: "busy", Run: stubRun, Ready: func(Args) error { return &BusyError{"moving"} }},
		{Name: "slow", Run: func(ctx context.Context, _ Args) (any, error) { <-ctx.Done(); return nil, ctx.Err() }},
		{Name: "deaf", Run: func(context.Context, Args) (any, error) { time.Sleep(time.Hour); return nil, nil }},
		{Name: "huge", Run: func(context.Context, Args) (any, error) { return strings.Repeat("x", 1<<20), nil }},
		{Name: "closed", Run: stubRun},
	}
	for _, tt := range []struct {
		name, args string
		status     int
		outcome    string
		text       string // of result or error
		results    int
	}{
		{"echo", `{"n":3}`, http.StatusOK, "completed", "3", 1},
		{"echo", "", http.StatusOK, "completed", "0", 1},
		{"echo", "null", http.StatusOK, "completed", "0", 1},
		{"echo", `{"command":"echo","args":{"n":4}}`, http.StatusOK, "completed", "4", 1},
		{"echo", `{"n":0}`, http.StatusBadRequest, "rejected", "0 is below 1", 1},
		{"echo", `{"m":1}`, http.StatusBadRequest, "rejected", `unknown argument "m"`, 1},
		{"echo", `[`, http.StatusBadRequest, "rejected", "not JSON", 1},
		{"closed", "", http.StatusForbidden, "rejected", "not allowed on this gateway (door methods)", 1},
		{"ecko", "", http.StatusNotFound, "rejected", "did you mean", 1},
		{"busy", "", http.StatusConflict, "abandoned", "moving", 0},
		{"locked", "", http.StatusConflict, "rejected", "the other is on", 1},
		{"fail", "", http.StatusInternalServerError, "rejected", "broken", 1},
		{"slow", "", http.StatusGatewayTimeout, "rejected", "timed out", 1},
		{"deaf", "", http.StatusGatewayTimeout, "rejected", "timed out", 1},
		{"huge", "", http.StatusOK, "completed", "cannot be shown", 1},
	} {
		t.Run(tt.name+tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, doors(Options{}, actions[:len(actions)-1]...), actions...)
				began := time.Now()
				a := r.do(Request{Door: DoorMethods, ID: "r1", Name: tt.name, Args: []byte(tt.args), Within: 10 * time.Second})
				if a.Status != tt.status || a.Outcome != tt.outcome || !strings.Contains(string(a.Result)+a.Error, tt.text) || a.MessageID != "r1" {
					t.Errorf("answer %+v, %s", a, a.Result)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("answered after %v", took)
				}
				if n := len(r.journal.resultsOf("r1")); n != tt.results {
					t.Errorf("%d results", n)
				}
				for _, rec := range r.journal.results {
					if rec.Props["door"] != DoorMethods || rec.Props["outcome"] != tt.outcome {
						t.Errorf("properties %v", rec.Props)
					}
				}
				time.Sleep(2 * time.Hour) // the deaf one returns
			})
		})
	}
}

// Two requests with one id are one command, whichever door they come by.
func TestDoTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		x := Action{Name: "x", Run: func(context.Context, Args) (any, error) { runs++; time.Sleep(time.Second); return runs, nil }}
		r := newRig(t, doors(Options{}, x), x)
		req := Request{Door: DoorLocal, ID: "r1", Name: "x"}
		both := make(chan Answer, 2)
		for range 2 {
			go func() { both <- r.do(req) }()
		}
		first, second := <-both, <-both
		third := r.do(Request{Door: DoorMethods, ID: "r1", Name: "x"})
		if first.Status != 200 || second.Status != 200 || third.Status != 200 || first.Again == second.Again || !third.Again {
			t.Errorf("answers %+v, %+v, %+v", first, second, third)
		}
		f := r.hub.send("r1", "x", "")
		time.Sleep(time.Second)
		r.want(f, "completed", "", "")
		if runs != 1 {
			t.Errorf("ran %d times", runs)
		}
		r.wantResult("r1", "completed", `{"result":1}`)
	})
}

// A journal that takes nothing costs the sender an answer of its own: before the
// effect nothing has happened, after it the outcome is unknown.
func TestDoWithoutJournal(t *testing.T) {
	for call, outcome := range map[string]string{"begin": "abandoned", "finish": "unknown"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				x := Action{Name: "x", Run: func(context.Context, Args) (any, error) { runs++; return nil, nil }}
				r := newRig(t, doors(Options{}, x), x)
				r.journal.fail = func(c string) (error, error) {
					if c == call {
						return store.ErrDiskFull, nil
					}
					return nil, nil
				}
				a := r.do(Request{Door: DoorLocal, ID: "r1", Name: "x"})
				effect := call == "finish"
				if a.Outcome != outcome || a.Status == http.StatusOK || (runs == 1) != effect {
					t.Errorf("answer %+v, ran %d times", a, runs)
				}
			})
		})
	}
}

func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		args := []Arg{{Name: "on", Type: "boolean", Required: true}}
		x := Action{Name: "x", Args: args, Run: func(context.Context, Args) (any, error) { runs++; return "did", nil },
			Ready:  func(Args) error { return &BusyError{"moving"} },
			DryRun: func(_ context.Context, a Args) (any, error) { return fmt.Sprint("would set ", a.Bool("on")), nil }}
		y := Action{Name: "y", Run: stubRun}
		r := newRig(t, doors(Options{}, x, y), x, y)
		for i, tt := range []struct{ name, args, outcome, text string }{
			{"x", `{"on":true,"dry_run":true}`, "completed", "would set true"},
			{"x", `{"dry_run":true}`, "rejected", `"on" (boolean) is missing`},
			{"x", `{"on":true,"dry_run":1}`, "rejected", "want boolean, got number"},
			{"x", `{"on":true,"dry_run":false}`, "abandoned", "moving"},
			{"y", `{"dry_run":true}`, "rejected", `unknown argument "dry_run"`},
		} {
			a := r.do(Request{Door: DoorLocal, ID: fmt.Sprint(i), Name: tt.name, Args: []byte(tt.args)})
			if a.Outcome != tt.outcome || !strings.Contains(string(a.Result)+a.Error, tt.text) {
				t.Errorf("%s %s: %+v %s", tt.name, tt.args, a, a.Result)
			}
		}
		if runs != 0 {
			t.Errorf("ran %d times", runs)
		}
	})
}

// Each point of a command is passed once and in order.
func TestFailpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var points []string
		x := Action{Name: "x", Run: stubRun}
		r := newRig(t, doors(Options{Failpoint: func(p Point, id string) { points = append(points, id+" "+string(p)) }}, x), x)
		want := func(id string) {
			t.Helper()
			synctest.Wait()
			var all []string
			for _, p := range []Point{PointReceived, PointDecoded, PointBegun, PointEffectBegun, PointEffectDone, PointFinished, PointSettled} {
				all = append(all, id+" "+string(p))
			}
			if strings.Join(points, ", ") != strings.Join(all, ", ") {
				t.Errorf("points %q", points)
			}
			points = nil
		}
		r.hub.send("m1", "x", "")
		want("m1")
		r.do(Request{Door: DoorLocal, ID: "r1", Name: "x"})
		want("r1")
	})
}

// A stop answers who waits and lets nothing begin afterwards.
func TestDoAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := Action{Name: "x", Repeat: Repeatable, Run: func(ctx context.Context, _ Args) (any, error) { <-ctx.Done(); return nil, ctx.Err() }}
		r := newRig(t, doors(Options{}, x), x)
		answers := make(chan Answer, 2)
		for i := range 2 {
			go func() { answers <- r.do(Request{Door: DoorLocal, ID: fmt.Sprint(i), Name: "x"}) }()
		}
		time.Sleep(time.Second)
		if err := r.loop.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		interrupted, abandoned := 0, 0
		for range 2 {
			switch a := <-answers; {
			case a.Outcome == "rejected" && a.Condition == ConditionInterrupted:
				interrupted++
			case a.Outcome == "abandoned":
				abandoned++
			default:
				t.Errorf("answer %+v", a)
			}
		}
		if interrupted != 1 || abandoned != 1 {
			t.Errorf("%d interrupted, %d abandoned", interrupted, abandoned)
		}
		if a := r.do(Request{Door: DoorLocal, ID: "late", Name: "x"}); a.Outcome != "abandoned" {
			t.Errorf("begun after the shutdown: %+v", a)
		}
		r.loop.slots <- struct{}{} // the shutdown of the rig's own cleanup takes them again
		r.loop.slots <- struct{}{}
		r.loop.slots <- struct{}{}
		r.loop.slots <- struct{}{}
	})
}
