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

// finish puts the outcome and the result record in the journal, or the outcome
// and the promise of a result. It tries as long as somebody waits; then the
// command stays begun and is not settled; what it came to is kept in memory, without
// the result, for its next delivery.
func (l *Loop) finish(c *command, r result) ending {
	o := store.Outcome{Verdict: store.Completed}
	if r.err != nil {
		o = store.Outcome{Verdict: store.Rejected, Condition: r.err.Condition, Reason: shorten(r.err.Reason)}
	}
	if err := l.write(c, o, r); err != nil {
		l.opt.Log.Error("outcome of a command is not in the journal", "command", c.journal.Name, "message-id", c.label, "outcome", o.Verdict, "err", err)
		e := ending{kind: undecided, reason: err.Error(), duration: r.duration, overrun: r.overrun}
		r.overrun = false
		if r.err == nil {
			r.value, r.note = json.RawMessage("null"), "the result was not stored: "+err.Error()
		}
		e.unwritten = &r
		return e
	}
	l.at(PointFinished, c)
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
	if r.due != "" {
		r.value, r.note = nil, "the result comes from the next start"
	}
	return ending{
		kind: decided, outcome: o, value: r.value, note: r.note, duration: r.duration,
		after: r.after, due: r.due != "", overrun: r.overrun,
	}
}

// write puts the end of a command in the journal.
func (l *Loop) write(c *command, o store.Outcome, r result) error {
	until := c.lockUntil
	if least := time.Now().Add(journalWrite); until.Before(least) {
		until = least
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if r.due != "" {
		l.memory.promise(c.identity)
		return persist(ctx, func() error { return l.opt.Journal.Promise(ctx, c.journal, o, r.due) }, nil)
	}
	rec := l.record(c.journal, c.label, o, r)
	return persist(ctx, func() error { return l.opt.Journal.Finish(ctx, c.journal, o, rec) }, func(err error) {
		rec.Body = resultBody(o, result{value: json.RawMessage("null"), note: "the result was not stored: " + err.Error()})
	})
}

// persist repeats a write of the journal with backoff until ctx ends. When the
// record is refused, shrink makes it one that is not.
func persist(ctx context.Context, write func() error, shrink func(error)) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := write()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrClosed):
			return fmt.Errorf("journal: %w", err)
		case errors.Is(err, store.ErrRefused) && shrink != nil:
			shrink(err)
			shrink = nil
			continue
		}
		t := time.NewTimer(time.Duration(1 + rand.Int64N(int64(pause))))
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("journal: %w", err)
		case <-t.C:
		}
	}
}

// record makes the result record of a command.
func (l *Loop) record(c store.Command, label string, o store.Outcome, r result) store.Record {
	props := map[string]string{
		"outcome":  o.Verdict.String(),
		"duration": r.duration.String(),
	}
	if c.Name != "" {
		props["command"] = c.Name
	}
	if c.Door != DoorDevicebound {
		props["door"] = c.Door
	}
	return store.Record{
		ID:            store.ID{Class: store.Result},
		Kind:          store.KindResult,
		Stamp:         l.opt.Clock.Now(),
		CorrelationID: label,
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
