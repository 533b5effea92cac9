package uplink

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/Azure/go-amqp"
)

// settle waits for the answers in the order of sending and settles the records.
// After the first answer that does not come it stops the sending side and takes
// of the others only the answers that are there; life ends the waiting.
func (f *flight) settle(life context.Context, stop context.CancelFunc) error {
	var fail error
	for it := range f.queue {
		if fail == nil {
			if fail = f.settleOne(life, &it); fail != nil {
				stop()
			}
		} else if state, err := glance(life, &it); err == nil {
			_ = f.apply(&it, state) // fail has said already that the link is of no use
		}
		if it.lease != nil {
			f.giveBack(&it)
		}
		f.pace.leave(it.size)
	}
	return fail
}

func (f *flight) settleOne(life context.Context, it *item) error {
	state, err := f.answer(life, it)
	if err != nil {
		return err
	}
	return f.apply(it, state)
}

// glance takes an answer that has arrived: what the hub has accepted need not be
// sent again because its neighbour was not answered.
func glance(life context.Context, it *item) (amqp.DeliveryState, error) {
	ctx, cancel := context.WithTimeout(life, time.Millisecond)
	defer cancel()
	return it.receipt.Wait(ctx)
}

// answer waits for the hub's word on one message. The context that ends the wait
// is shared by neighbours: it is made anew only when it runs out too early.
func (f *flight) answer(life context.Context, it *item) (amqp.DeliveryState, error) {
	until := it.sent.Add(f.opts.SettleWithin + airtime(it.size))
	for {
		if f.limit == nil || f.limit.Err() != nil {
			f.cancelLimit()
			f.limit, f.cancelLimit = context.WithDeadline(life, until)
		}
		state, err := it.receipt.Wait(f.limit)
		switch {
		case err == nil:
			return state, nil
		case life.Err() != nil:
			return nil, context.Cause(life)
		case f.limit.Err() == nil:
			return nil, fmt.Errorf("wait for the answer to %s: %w", it.name(), err)
		case !time.Now().Before(until):
			f.pace.unanswered()
			return nil, fmt.Errorf("%w to %s within %s", errUnheard, it.name(), f.opts.SettleWithin+airtime(it.size))
		}
	}
}

// name is the message-id of a record, and how many came with it.
func (it *item) name() string {
	name := it.records[0].ID.String()
	if n := len(it.records) - 1; n > 0 {
		name += fmt.Sprintf(" and %d more", n)
	}
	return name
}

// apply settles the records of one transfer by the state of its delivery. Only
// accepted removes them. What is not settled here is given back by the caller.
// The error says that the hub refuses us, not the message.
func (f *flight) apply(it *item, state amqp.DeliveryState) error {
	f.mu.Lock()
	f.answers++
	f.mu.Unlock()
	switch s := state.(type) {
	case *amqp.StateAccepted:
		f.accept(it)
	case *amqp.StateRejected:
		return f.reject(it, &RejectedError{s.Error})
	case *amqp.StateReleased:
		f.slowDown(it, "released", hintBack, pleaAgain)
	case *amqp.StateModified:
		f.slowDown(it, "modified", hintBack, pleaAgain)
	default:
		f.slowDown(it, "settled without an outcome", hintBack, pleaAgain)
	}
	return nil
}

func (f *flight) reject(it *item, cause *RejectedError) error {
	id := it.records[0].ID
	v, hint := f.judge(id, cause.Remote)
	switch v {
	case verdictDead:
		delete(f.tries, id)
		if len(it.records) > 1 {
			f.bisect(it, tooLarge(cause.Remote))
		} else {
			f.bury(it, cause)
		}
	case verdictRefused:
		return fmt.Errorf("message %s rejected: %w", it.name(), cause.Remote)
	case verdictQuota:
		f.slowDown(it, cause.brief(), hint, pleaQuota)
	default:
		f.slowDown(it, cause.brief(), hint, pleaSlower)
	}
	return nil
}

func (f *flight) accept(it *item) {
	f.ids = ids(f.ids[:0], it.records)
	it.lease.Ack(f.ids...)
	it.lease = nil
	if len(f.tries) > 0 {
		for _, id := range f.ids {
			delete(f.tries, id)
		}
	}
	f.verdict(it.trial, len(it.records), false)
	recovered := f.pace.accepted(it.sent, it.size)
	f.done(func(s *DrainStats) {
		s.Accepted += uint64(len(it.records))
		if recovered {
			s.LastOutcome = ""
		}
	})
	if recovered {
		f.opts.Log.Info("the hub accepts again")
	}
	for _, id := range f.ids {
		f.tell(Settlement{ID: id, Outcome: OutcomeAccepted})
	}
}

// bury makes a dead letter of the one record of it, with the reason in the words
// of whoever gave it.
func (f *flight) bury(it *item, cause error) {
	id := it.records[0].ID
	it.lease.Dead(id, cause)
	it.lease = nil
	f.verdict(it.trial, 1, true)
	known := false
	f.done(func(s *DrainStats) {
		s.Rejected++
		known = s.LastOutcome == cause.Error()
		s.LastOutcome = cause.Error()
	})
	log := f.opts.Log.Warn
	if known {
		log = f.opts.Log.Debug
	}
	log("record set aside as a dead letter", "id", id.String(), "cause", cause)
	f.tell(Settlement{ID: id, Outcome: OutcomeDead, Cause: cause})
}

func (f *flight) giveBack(it *item) {
	back := ids(nil, it.records)
	it.lease.Release(back...)
	it.lease = nil
	f.verdict(it.trial, len(back), true)
	f.count(func(s *DrainStats) { s.Resent += uint64(len(back)) })
	for _, id := range back {
		f.tell(Settlement{ID: id, Outcome: OutcomeGivenBack})
	}
}

func (f *flight) slowDown(it *item, outcome, hint string, asked plea) {
	f.count(func(s *DrainStats) { s.LastOutcome, s.HeldHint = outcome, hint })
	event, until := f.pace.slow(it.sent, asked)
	if event > 0 {
		level := slog.LevelWarn
		if event > 1 {
			level = slog.LevelDebug
		}
		f.opts.Log.Log(context.Background(), level, "the hub handed records back, sending pauses", "records", it.name(), "outcome", outcome, "hint", hint, "pause", time.Until(until))
	}
}

// RejectedError is the cause of a dead letter that the hub rejected.
type RejectedError struct {
	Remote *amqp.Error // what the hub gave as the reason; may be nil
}

// Error returns condition and description as the hub sent them.
func (e *RejectedError) Error() string {
	switch {
	case e.Remote == nil:
		return "rejected by the hub without a reason"
	case e.Remote.Description == "":
		return "rejected by the hub: " + string(e.Remote.Condition)
	default:
		return fmt.Sprintf("rejected by the hub: %s: %s", e.Remote.Condition, e.Remote.Description)
	}
}

// brief is Error for a line of status: of a description in JSON, what is for a
// person and the code.
func (e *RejectedError) brief() string {
	if e.Remote == nil {
		return e.Error()
	}
	d := parseDescription(e.Remote.Description)
	if d.ErrorCode == 0 {
		return e.Error()
	}
	return fmt.Sprintf("rejected by the hub: %s: %s (%d)", e.Remote.Condition, d.Message, d.ErrorCode)
}

// Unwrap returns the hub's error, if there is one.
func (e *RejectedError) Unwrap() error {
	if e.Remote == nil {
		return nil
	}
	return e.Remote
}
