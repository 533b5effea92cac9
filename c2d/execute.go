package c2d

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

const (
	courtesy  = time.Second // an action whose context has ended may take this long to return
	maxValue  = 128 << 10   // bytes of an encoded result
	maxReason = 512         // bytes of a reason
)

// result is what an action came to.
type result struct {
	value    json.RawMessage // when err is nil
	note     string          // why value is not what the action returned
	after    func() error
	due      string
	err      *RejectError
	duration time.Duration
	stopped  bool // the action was told to stop because the Loop shuts down, and did not finish
	overrun  bool
}

// execute runs the action and puts its outcome in the journal.
func (l *Loop) execute(c *command, k *ticket) ending {
	l.report(c, Report{Step: StepExecute})
	r := l.run(c, k)
	if r.stopped && c.action.Repeat != Once && c.journal.Door == DoorDevicebound {
		return ending{kind: undecided, reason: "interrupted: it will run again", duration: r.duration, overrun: r.overrun}
	}
	return l.finish(c, r)
}

// run calls the action and waits for it, but not for ever. An action that does
// not return keeps its goroutine and its place k in the line of the target.
func (l *Loop) run(c *command, k *ticket) result {
	deadline := time.Now().Add(l.opt.Deadline)
	if !c.deadline.IsZero() && c.deadline.Before(deadline) {
		deadline = c.deadline
	}
	ctx, cancel := context.WithDeadlineCause(l.actions, deadline, errDeadline)
	defer cancel()
	var over atomic.Bool // set by what comes first: the return of the action, or the end of the waiting
	done := make(chan result, 1)
	begun := time.Now()
	l.count.running.Add(1)
	go func() {
		l.at(PointEffectBegun, c)
		r := l.call(ctx, c)
		l.at(PointEffectDone, c)
		l.count.running.Add(-1)
		done <- r
		if !over.CompareAndSwap(false, true) {
			l.count.overrun.Add(-1)
			l.turns.leave(k)
			l.opt.Log.Info("action has returned after its deadline", "command", c.journal.Name, "message-id", c.label, "after", time.Since(begun))
		}
	}()

	select {
	case r := <-done:
		return l.judge(ctx, r, time.Since(begun))
	case <-ctx.Done():
	}
	wait := time.NewTimer(courtesy)
	defer wait.Stop()
	select {
	case r := <-done:
		return l.judge(ctx, r, time.Since(begun))
	case <-wait.C:
	}
	l.count.overrun.Add(1)
	if !over.CompareAndSwap(false, true) {
		l.count.overrun.Add(-1)
		return l.judge(ctx, <-done, time.Since(begun))
	}
	l.opt.Log.Warn("action does not return", "command", c.journal.Name, "message-id", c.label, "target", c.target)
	r := l.judge(ctx, result{err: &RejectError{}, stopped: true}, time.Since(begun))
	r.overrun = true
	return r
}

// judge tells an action that gave up because its context ended from one that
// failed by itself.
func (l *Loop) judge(ctx context.Context, r result, took time.Duration) result {
	r.duration = took
	if !r.stopped {
		return r
	}
	if errors.Is(context.Cause(ctx), errDeadline) {
		r.stopped = false
		r.err = &RejectError{ConditionTimedOut, fmt.Sprintf("timed out after %v, may have happened", took.Round(time.Millisecond))}
		return r
	}
	r.err = &RejectError{ConditionInterrupted, "interrupted: the agent was stopped while the command ran, it may have happened"}
	return r
}

// call runs the action and encodes what it returned; a panic in either is a failure.
func (l *Loop) call(ctx context.Context, c *command) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{err: l.panicked(c, "action", p)}
		}
	}()
	v, err := c.action.do(ctx, c)
	if err != nil {
		gaveUp := ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
		return result{err: rejection(err), stopped: gaveUp}
	}
	if w, ok := v.(Result); ok {
		v, r.after, r.due = w.Value, w.AfterSettle, w.Due
	}
	r.value, r.note = encode(v)
	return r
}

// do runs the action, or resumes it.
func (a *Action) do(ctx context.Context, c *command) (any, error) {
	if c.resume {
		done, v, err := a.Resume(ctx, c.args)
		switch {
		case err != nil:
			return nil, &RejectError{ConditionInterrupted, err.Error()}
		case done:
			return v, nil
		}
	}
	return a.Run(ctx, c.args)
}

// encode makes JSON of what an action returned, or a note why that cannot be.
func encode(v any) (value json.RawMessage, note string) {
	value, err := json.Marshal(v)
	switch {
	case err != nil:
		return json.RawMessage("null"), "the result cannot be shown: " + err.Error()
	case len(value) > maxValue:
		return json.RawMessage("null"), fmt.Sprintf("the result cannot be shown: it has %d bytes, more than %d", len(value), maxValue)
	}
	return value, ""
}

func (l *Loop) panicked(c *command, where string, p any) *RejectError {
	l.opt.Log.Error("panic in "+where, "command", c.journal.Name, "message-id", c.label, "panic", p, "stack", string(debug.Stack()))
	return &RejectError{ConditionFailed, fmt.Sprintf("panic in %s: %v", where, p)}
}

// rejection is the error of an action as the sender is told it.
func rejection(err error) *RejectError {
	out := RejectError{ConditionFailed, err.Error()}
	var rejected *RejectError
	var busy *BusyError
	switch {
	case errors.As(err, &rejected):
		out = *rejected
		if out.Condition == "" {
			out.Condition = ConditionFailed
		}
	case errors.As(err, &busy):
		out.Condition = ConditionBusy
	}
	return &out
}

// shorten bounds a reason, which is sent as AMQP and stored as JSON: both want UTF-8.
func shorten(reason string) string {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return strings.ToValidUTF8(reason, "")
}
