package c2d

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

const (
	patience     = 2               // releases after which a busy gateway rejects
	journalWrite = 5 * time.Second // the journal is given at least this long, whatever is left of the lock
)

// journalError says that the intent is not on disk. Such a command can only be
// given back: a rejection would have to be in the journal too.
type journalError struct{ cause error }

func (e *journalError) Error() string { return "begin in journal: " + e.cause.Error() }
func (e *journalError) Unwrap() error { return e.cause }

// ending is how an attempt ended.
type ending struct {
	kind     endingKind
	outcome  store.Outcome   // when decided
	reason   string          // when abandoned or undecided
	again    bool            // the outcome stood before this attempt
	duration time.Duration   // of the action
	value    json.RawMessage // of the action, when it ran and completed
	note     string          // why value is not what the action returned
	after    func() error    // to call when the settlement was tried
	due      bool            // the result is written after the restart that after brings
	overrun  bool            // the action still occupies the target
	busy     bool            // abandoned: because of something that passes

	unwritten *result   // undecided: what the journal did not take
	orphan    bool      // abandoned because of another message with the same message-id
	holdUntil time.Time // abandoned: not to be released before
}

type endingKind byte

const (
	undecided endingKind = iota // begun, and no outcome in the journal: nothing is settled
	abandoned                   // not begun: released
	decided                     // outcome in the journal: accepted or rejected
)

// attempt carries one command from its place in the line to an ending.
func (l *Loop) attempt(ctx context.Context, c *command, k *ticket) (e ending) {
	defer func() {
		if !e.overrun {
			l.turns.leave(k)
		}
	}()
	if o, _ := l.memory.recall(c.identity); o.Verdict != store.Pending {
		return ending{kind: decided, outcome: o, again: true}
	}
	until := c.holdUntil
	if err := l.await(ctx, c, k.ready, until, fmt.Sprintf("another command for %q is running", c.target)); err != nil && !l.outOfPatience(c, err) {
		return abandon(err)
	}
	if err := l.await(ctx, c, l.slots, until, "too many commands are running"); err != nil {
		return abandon(err)
	}
	defer func() { l.slots <- struct{}{} }()
	return l.decide(ctx, c, k, until)
}

// decide puts the intent in the journal as soon as the command may begin, and
// then does what the journal says.
func (l *Loop) decide(ctx context.Context, c *command, k *ticket, until time.Time) ending {
	state, err := l.open(ctx, c, until)
	if err != nil && l.outOfPatience(c, err) {
		state, err = l.open(ctx, c, until)
	}
	if err != nil {
		return abandon(err)
	}
	l.at(PointBegun, c)
	if r := l.memory.unwritten(c.identity); r != nil && state.Phase == store.PhaseStarted {
		return l.finish(c, *r)
	}
	switch {
	case state.Phase == store.PhaseDuplicate && state.Outcome.Verdict == store.Pending:
		return l.orphan(c)
	case state.Phase == store.PhaseDone, state.Phase == store.PhaseDuplicate:
		return ending{kind: decided, outcome: state.Outcome, again: true}
	case state.Phase == store.PhaseStarted && c.reject != nil:
		c.reject = &RejectError{c.reject.Condition, c.reject.Reason + "; an earlier delivery was interrupted: it may have happened"}
	case c.reject == nil && c.action.Repeat == Resumable && (state.Phase == store.PhaseStarted || state.Unsure):
		c.resume = true
	case state.Phase == store.PhaseStarted && c.action.Repeat == Once:
		c.reject = &RejectError{ConditionInterrupted, "interrupted: the agent ended while the command ran, it may have happened"}
	case state.Unsure && c.reject == nil && c.action.Repeat == Once && !c.fresh:
		c.reject = &RejectError{ConditionInterrupted, "the journal was lost after this command was sent: it may have happened"}
	}
	if c.reject != nil {
		return l.finish(c, result{err: c.reject})
	}
	return l.execute(c, k)
}

// abandon is the ending of an attempt that could not begin.
func abandon(err error) ending {
	var busy *BusyError
	return ending{kind: abandoned, reason: err.Error(), busy: errors.As(err, &busy)}
}

// orphan ends an attempt at a second message with the message-id of one that an
// earlier run of the agent began. The hub delivers that one again when its lock
// ends, and its outcome will be the outcome of both; so this delivery stays
// locked, and out of the way, before it is released. When the other has not
// come within two locks, it never will.
func (l *Loop) orphan(c *command) ending {
	if since := l.memory.orphanSince(c.identity); !since.IsZero() && time.Since(since) > 2*lockFor {
		c.reject = &RejectError{ConditionInterrupted, "another message with this message-id was interrupted: it may have happened"}
		return l.finish(c, result{err: c.reject})
	}
	e := abandon(&BusyError{"another message with this message-id was begun and has no outcome yet"})
	e.orphan = true
	if c.journal.Door == DoorDevicebound {
		e.holdUntil = c.lockUntil
	}
	l.report(c, Report{Step: StepHold, Reason: e.reason})
	return e
}

// open waits until the command may begin and the journal has taken the intent.
func (l *Loop) open(ctx context.Context, c *command, until time.Time) (state store.State, err error) {
	err = l.hold(ctx, c, until, func() (err error) {
		if err = l.ready(c); err != nil {
			return err
		}
		state, err = l.journalBegin(ctx, c, until)
		return err
	})
	return state, err
}

func (l *Loop) journalBegin(ctx context.Context, c *command, until time.Time) (store.State, error) {
	// The end of a link must not leave it open whether the intent is on disk.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(time.Until(until), journalWrite))
	defer cancel()
	state, err := l.opt.Journal.Begin(ctx, c.journal)
	if err != nil {
		return state, &journalError{err}
	}
	return state, nil
}

// ready asks whether the command may begin now. A command that will never may
// gets its rejection instead.
func (l *Loop) ready(c *command) (err error) {
	if c.reject != nil {
		return nil
	}
	if l.expired(c) {
		c.reject = &RejectError{ConditionExpired, "expired at " + c.expires.UTC().Format(time.RFC3339)}
		return nil
	}
	if n := l.count.overrun.Load(); int(n) >= l.opt.Concurrency {
		return &BusyError{fmt.Sprintf("%d actions have not returned", n)}
	}
	if c.action.Ready == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			c.reject, err = l.panicked(c, "Ready", p), nil
		}
	}()
	var busy *BusyError
	err = c.action.Ready(c.args)
	if err == nil || errors.As(err, &busy) {
		return err
	}
	c.reject = rejection(err)
	return nil
}

// expired trusts the clock only when something vouches for it: a gateway that
// was switched on without network must not refuse commands by a wrong year.
func (l *Loop) expired(c *command) bool {
	now := l.opt.Clock.Now()
	return !c.expires.IsZero() && now.Trust == clock.TrustSynced && now.Wall.After(c.expires)
}

// outOfPatience turns a busy gateway into a rejection when the command was
// given back often enough.
func (l *Loop) outOfPatience(c *command, err error) bool {
	var busy *BusyError
	if !errors.As(err, &busy) {
		return false
	}
	_, releases := l.memory.recall(c.identity)
	n := max(releases, c.deliveries)
	if n < patience {
		return false
	}
	c.reject = &RejectError{ConditionBusy, fmt.Sprintf("%v (given back %d times before)", busy, n)}
	return true
}

// hold calls try until it says something else than that it is busy or that the
// journal is down, or until is reached, or ctx ends.
func (l *Loop) hold(ctx context.Context, c *command, until time.Time, try func() error) error {
	for first := true; ; first = false {
		if ctx.Err() != nil || l.actions.Err() != nil {
			return errStopping
		}
		err := try()
		var busy *BusyError
		var down *journalError
		if !errors.As(err, &busy) && !errors.As(err, &down) {
			return err
		}
		left := time.Until(until)
		if left <= 0 {
			return err
		}
		if first {
			l.report(c, Report{Step: StepHold, Reason: err.Error()})
		}
		t := time.NewTimer(min(left, recheck(l.opt.Hold)))
		select {
		case <-ctx.Done():
		case <-l.actions.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func recheck(hold time.Duration) time.Duration {
	return min(max(hold/20, 10*time.Millisecond), time.Second)
}

// await waits for something to be taken out of ch.
func (l *Loop) await(ctx context.Context, c *command, ch <-chan struct{}, until time.Time, why string) error {
	if ctx.Err() != nil {
		return errStopping
	}
	select {
	case <-ch:
		return nil
	default:
	}
	busy := &BusyError{why}
	l.report(c, Report{Step: StepHold, Reason: busy.Error()})
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return errStopping
	case <-l.actions.Done():
		return errStopping
	case <-t.C:
		return busy
	}
}
