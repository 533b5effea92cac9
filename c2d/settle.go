package c2d

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"fieldpost/store"
)

// finish puts the outcome and the result record in the journal. It tries as
// long as the lock lasts; then the command stays begun and is not settled.
func (l *Loop) finish(c *command, r result) ending {
	o := store.Outcome{Verdict: store.Completed}
	if r.err != nil {
		o = store.Outcome{Verdict: store.Rejected, Condition: r.err.Condition, Reason: shorten(r.err.Reason)}
	}
	if err := l.write(c, o, l.record(c, o, r)); err != nil {
		l.opt.Log.Error("outcome of a command is not in the journal", "command", c.journal.Name, "message-id", c.label, "outcome", o.Verdict, "err", err)
		return ending{kind: undecided, reason: err.Error(), duration: r.duration, overrun: r.overrun}
	}
	switch {
	case o.Verdict == store.Completed:
		l.count.completed.Add(1)
	case o.Condition == ConditionExpired:
		l.count.expired.Add(1)
	case o.Condition == ConditionTimedOut:
		l.count.timedOut.Add(1)
	}
	if o.Verdict == store.Rejected {
		l.count.rejected.Add(1)
	}
	l.opt.Log.Info("command", "name", c.journal.Name, "message-id", c.label, "outcome", o.Verdict, "condition", o.Condition, "reason", o.Reason, "duration", r.duration)
	return ending{kind: decided, outcome: o, duration: r.duration, after: r.after, overrun: r.overrun}
}

// write repeats Journal.Finish with backoff until the lock ends.
func (l *Loop) write(c *command, o store.Outcome, rec store.Record) error {
	until := c.received.Add(lockFor - lockMargin)
	if least := time.Now().Add(journalWrite); until.Before(least) {
		until = least
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	for pause, small := 100*time.Millisecond, false; ; pause = min(2*pause, 5*time.Second) {
		err := l.opt.Journal.Finish(ctx, c.journal, o, rec)
		if err == nil {
			return nil
		}
		if errors.Is(err, store.ErrClosed) {
			return fmt.Errorf("finish in journal: %w", err)
		}
		if errors.Is(err, store.ErrRefused) && !small {
			small = true
			rec.Body = resultBody(o, result{value: json.RawMessage("null"), note: "the result was not stored: " + err.Error()})
			continue
		}
		t := time.NewTimer(time.Duration(1 + rand.Int64N(int64(pause))))
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("finish in journal: %w", err)
		case <-t.C:
		}
	}
}

// record makes the result record of a command.
func (l *Loop) record(c *command, o store.Outcome, r result) store.Record {
	props := map[string]string{
		"outcome":  o.Verdict.String(),
		"duration": r.duration.String(),
	}
	if c.journal.Name != "" {
		props["command"] = c.journal.Name
	}
	return store.Record{
		ID:            store.ID{Class: store.Result},
		Kind:          store.KindResult,
		Stamp:         l.opt.Clock.Now(),
		CorrelationID: c.label,
		ContentType:   "application/json",
		Props:         props,
		Body:          resultBody(o, r),
	}
}

func resultBody(o store.Outcome, r result) []byte {
	var v any
	if o.Verdict == store.Completed {
		v = struct {
			Result json.RawMessage `json:"result"`
			Error  string          `json:"error,omitempty"`
		}{r.value, r.note}
	} else {
		v = struct {
			Error     string `json:"error"`
			Condition string `json:"condition"`
		}{o.Reason, o.Condition}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"error":"the result cannot be shown"}`)
	}
	return b
}

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
	l.report(c, rep)
	if e.after != nil {
		l.after(c, e.after)
	}
	if errors.Is(rep.Err, context.DeadlineExceeded) {
		return errNoAnswer
	}
	return nil
}

func (l *Loop) after(c *command, f func()) {
	defer func() {
		if p := recover(); p != nil {
			l.panicked(c, "AfterSettle", p)
		}
	}()
	f()
}
