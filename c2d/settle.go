package c2d

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldpost/store"
)

// settle tells the hub how a delivery ended. A settlement that fails does no
// harm: the hub delivers the message again, and its outcome stands. But one
// that is not answered has cost a credit, so the error ends the round.
func (l *Loop) settle(ctx context.Context, c *command, d delivery, e ending) error {
	rep := Report{Step: StepSettle, Reason: e.reason, Duration: e.duration, Again: e.again}
	if e.kind == undecided {
		l.count.unsettled.Add(1)
		l.report(c, rep)
		return fmt.Errorf("%w: %s", errJournal, e.reason)
	}
	if wait := time.Until(e.holdUntil); wait > 0 {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
	l.tell(ctx, c, e)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.opt.SettleIn)
	defer cancel()
	switch {
	case e.kind == abandoned:
		rep.Outcome = "abandoned"
		l.count.abandoned.Add(1)
		rep.Err = d.release(ctx)
	case e.outcome.Verdict == store.Completed:
		rep.Outcome = e.outcome.Verdict.String()
		rep.Err = d.accept(ctx)
	default:
		rep.Outcome = e.outcome.Verdict.String()
		rep.Condition, rep.Reason = e.outcome.Condition, e.outcome.Reason
		rep.Err = d.reject(ctx, rep.Condition, rep.Reason)
	}
	if e.again {
		l.count.again.Add(1)
	}
	if rep.Err != nil {
		l.count.unsettled.Add(1)
	}
	l.opt.Log.Debug("settle", "command", c.journal.Name, "message-id", c.label, "outcome", rep.Outcome, "again", e.again, "reason", rep.Reason, "err", rep.Err)
	l.at(PointSettled, c)
	l.report(c, rep)
	l.after(c, e)
	if errors.Is(rep.Err, context.DeadlineExceeded) {
		return errNoAnswer
	}
	return nil
}

// after does what an action wanted done once its command is settled. When that
// was to end the process and did not, the result that is due says so.
func (l *Loop) after(c *command, e ending) {
	if e.after == nil {
		return
	}
	err := l.protect(c, e.after)
	if err == nil {
		return
	}
	l.opt.Log.Error("what a command wanted done after its settlement failed", "command", c.journal.Name, "message-id", c.label, "err", err)
	if e.due {
		ctx, cancel := context.WithTimeout(context.Background(), journalWrite)
		defer cancel()
		if err := l.fulfil(ctx, c.journal, c.label, map[string]any{"done": false, "error": err.Error()}); err != nil {
			l.opt.Log.Error("result of a command is still due", "command", c.journal.Name, "message-id", c.label, "err", err)
		}
	}
}

func (l *Loop) protect(c *command, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = l.panicked(c, "AfterSettle", p)
		}
	}()
	return f()
}
