package c2d

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRejectedByAction(t *testing.T) {
	tests := []struct {
		name      string
		run       func(context.Context, Args) (any, error)
		condition string
		reason    string
	}{
		{"error", func(context.Context, Args) (any, error) { return nil, errors.New("valve is stuck") }, ConditionFailed, "valve is stuck"},
		{"reject", func(context.Context, Args) (any, error) {
			return nil, fmt.Errorf("set: %w", &RejectError{ConditionInvalid, "no such valve"})
		}, ConditionInvalid, "no such valve"},
		{"reject without condition", func(context.Context, Args) (any, error) { return nil, &RejectError{Reason: "x"} }, ConditionFailed, "x"},
		{"busy", func(context.Context, Args) (any, error) { return nil, &BusyError{"moving"} }, ConditionBusy, "moving"},
		{"panic", func(context.Context, Args) (any, error) { panic("boom") }, ConditionFailed, "panic in action: boom"},
		{"not utf-8", func(context.Context, Args) (any, error) { return nil, errors.New("bad \xff byte") }, ConditionFailed, "bad  byte"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{}, Action{Name: "x", Run: tt.run})
				f := r.hub.send("m1", "x", "")
				synctest.Wait()
				r.want(f, "rejected", tt.condition, tt.reason)
				r.wantResult("m1", "rejected", tt.condition)
			})
		})
	}
}

func TestResultThatCannotBeShown(t *testing.T) {
	for name, v := range map[string]any{"channel": make(chan int), "huge": strings.Repeat("x", maxValue+1)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{}, Action{Name: "x", Run: func(context.Context, Args) (any, error) { return v, nil }})
				f := r.hub.send("m1", "x", "")
				synctest.Wait()
				r.want(f, "completed", "", "")
				r.wantResult("m1", "completed", `"result":null,"error":"the result cannot be shown`)
			})
		})
	}
}

func TestOneAtATimePerTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		now, most := map[string]int{}, map[string]int{}
		r := newRig(t, Options{Concurrency: 8}, Action{
			Name: "set", Args: []Arg{{Name: "line", Type: "string"}, {Name: "n", Type: "integer"}},
			Target: func(a Args) string { return a.String("line") },
			Run: func(_ context.Context, a Args) (any, error) {
				line := a.String("line")
				mu.Lock()
				order = append(order, fmt.Sprint(line, a.Integer("n")))
				for _, k := range []string{line, "all"} {
					now[k]++
					most[k] = max(most[k], now[k])
				}
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				now[line]--
				now["all"]--
				return nil, nil
			}})
		for i := range 3 {
			for _, line := range []string{"a", "b"} {
				r.hub.send(fmt.Sprint(line, i), "set", fmt.Sprintf(`{"line":%q,"n":%d}`, line, i))
			}
		}
		r.hub.send("free1", "set", `{}`)
		r.hub.send("free2", "set", `{}`)
		time.Sleep(1500 * time.Millisecond)
		mu.Lock()
		if most["a"] != 1 || most["b"] != 1 || most[""] != 2 || most["all"] != 4 {
			t.Errorf("most at once: %v; want one for each of a and b, both without target, 4 in all", most)
		}
		mu.Unlock()
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		a, b := 0, 0
		for _, o := range order {
			switch o[0] {
			case 'a':
				if o != fmt.Sprint("a", a) {
					t.Errorf("order %v", order)
				}
				a++
			case 'b':
				if o != fmt.Sprint("b", b) {
					t.Errorf("order %v", order)
				}
				b++
			}
		}
		if a != 3 || b != 3 {
			t.Errorf("order %v", order)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, most := 0, 0
		var mu sync.Mutex
		r := newRig(t, Options{Concurrency: 3}, Action{Name: "x", Target: func(Args) string { return "" },
			Run: func(context.Context, Args) (any, error) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				now--
				return nil, nil
			}})
		for i := range 10 {
			r.hub.send(fmt.Sprint("m", i), "x", "")
		}
		time.Sleep(time.Second / 2)
		if s := r.loop.Stats(); s.Received != 3 {
			t.Errorf("%d deliveries are taken at once, want 3", s.Received)
		}
		time.Sleep(10 * time.Second)
		if s := r.loop.Stats(); most != 3 || s.Completed != 10 {
			t.Errorf("%d at once, %d completed; want 3, 10", most, s.Completed)
		}
	})
}

// An action that heeds its context is reported as timed out and frees its target.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Deadline: 5 * time.Second}, Action{Name: "x", Run: func(ctx context.Context, _ Args) (any, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("move: %w", ctx.Err())
		}})
		f := r.hub.send("m1", "x", "")
		time.Sleep(6 * time.Second)
		r.want(f, "rejected", ConditionTimedOut, "timed out after 5s, may have happened")
		r.wantResult("m1", "rejected", ConditionTimedOut)
		if s := r.loop.Stats(); s.TimedOut != 1 || s.Running != 0 || s.Overrun != 0 {
			t.Errorf("stats = %+v", s)
		}
	})
}

// One that does not keeps its target until it returns, and nothing else.
func TestOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var runs atomic.Int32
		r := newRig(t, Options{Deadline: 5 * time.Second, Hold: 10 * time.Second},
			Action{Name: "x", Run: func(context.Context, Args) (any, error) { runs.Add(1); <-hang; return nil, nil }},
			Action{Name: "ping", Run: stubRun})
		f := r.hub.send("m1", "x", "")
		time.Sleep(7 * time.Second)
		r.want(f, "rejected", ConditionTimedOut, "may have happened")
		if s := r.loop.Stats(); s.Overrun != 1 || s.Running != 1 {
			t.Errorf("stats = %+v", s)
		}
		g := r.hub.send("m2", "x", "")
		p := r.hub.send("m3", "ping", "")
		time.Sleep(5 * time.Second)
		r.want(p, "completed", "", "")
		if runs.Load() != 1 || r.hub.outcome(g) != "" {
			t.Errorf("the target is not occupied: %d runs, second command is settled %q", runs.Load(), r.hub.outcome(g))
		}
		close(hang)
		time.Sleep(time.Second)
		r.want(g, "completed", "", "")
		r.wantResult("m1", "rejected", ConditionTimedOut)
		if s := r.loop.Stats(); s.Overrun != 0 || s.Running != 0 {
			t.Errorf("stats = %+v", s)
		}
	})
}

// The number of actions that never return is bounded.
func TestOverrunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var runs atomic.Int32
		r := newRig(t, Options{Deadline: time.Second, Hold: 2 * time.Second, Concurrency: 2},
			Action{Name: "x", Target: func(Args) string { return "" }, Run: func(context.Context, Args) (any, error) { runs.Add(1); <-hang; return nil, nil }})
		for i := range 6 {
			r.hub.send(fmt.Sprint("m", i), "x", "")
		}
		time.Sleep(time.Minute)
		if s := r.loop.Stats(); runs.Load() >= 4 || s.Overrun != int(runs.Load()) || s.Rejected != 6 {
			t.Errorf("%d runs, stats = %+v; want less than 4 runs and 6 rejected", runs.Load(), s)
		}
		close(hang)
	})
}

func TestAfterSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var settled string
		calls := 0
		var r *rig
		var f *fakeMessage
		r = newRig(t, Options{}, Action{Name: "restart", Run: func(context.Context, Args) (any, error) {
			return Result{Value: "restarting", AfterSettle: func() error {
				calls++
				settled = r.hub.outcome(f)
				r.stop()
				panic("must do no harm")
			}}, nil
		}})
		r.hub.mu.Lock()
		f = &fakeMessage{message: message{id: "m1", seq: 1, hasCommand: true, command: "restart"}}
		r.hub.queue = append(r.hub.queue, f)
		r.hub.wake()
		r.hub.mu.Unlock()
		<-r.ended
		if calls != 1 || settled != "completed" {
			t.Errorf("called %d times, when settled was %q", calls, settled)
		}
		r.wantResult("m1", "completed", `{"result":"restarting"}`)
	})
}
