package uplink

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// settle waits for the answers in the order of sending and settles each record.
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
	until := it.sent.Add(f.opts.SettleWithin)
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
			return nil, fmt.Errorf("wait for the answer to %s: %w", it.id, err)
		case !time.Now().Before(until):
			return nil, fmt.Errorf("no answer to %s within %s", it.id, f.opts.SettleWithin)
		}
	}
}

// apply settles one record by the state of its delivery. Only accepted removes
// it. What is not settled here is given back by the caller. The error says that
// the hub refuses us, not the message.
func (f *flight) apply(it *item, state amqp.DeliveryState) error {
	switch s := state.(type) {
	case *amqp.StateAccepted:
		f.accept(it)
	case *amqp.StateRejected:
		switch v := f.judge(it.id, s.Error); v {
		case verdictDead:
			delete(f.tries, it.id)
			f.bury(it, &RejectedError{s.Error})
		case verdictRefused:
			return fmt.Errorf("message %s rejected: %w", it.id, s.Error)
		default:
			f.slowDown(it, (&RejectedError{s.Error}).Error(), throttledFactor)
		}
	case *amqp.StateReleased:
		f.slowDown(it, "released", 1)
	case *amqp.StateModified:
		f.slowDown(it, "modified", 1)
	default:
		f.slowDown(it, "settled without an outcome", 1)
	}
	return nil
}

func (f *flight) accept(it *item) {
	it.lease.Ack(it.id)
	it.lease = nil
	if len(f.tries) > 0 {
		delete(f.tries, it.id)
	}
	recovered := f.pace.accepted(it.sent)
	f.done(func(s *DrainStats) {
		s.Accepted++
		if recovered {
			s.LastOutcome = ""
		}
	})
	if recovered {
		f.opts.Log.Info("the hub accepts again")
	}
	f.tell(Settlement{ID: it.id, Outcome: OutcomeAccepted})
}

// bury makes a dead letter of a record, with the reason in the words of whoever
// gave it.
func (f *flight) bury(it *item, cause error) {
	it.lease.Dead(it.id, cause)
	it.lease = nil
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
	log("record set aside as a dead letter", "id", it.id.String(), "cause", cause)
	f.tell(Settlement{ID: it.id, Outcome: OutcomeDead, Cause: cause})
}

func (f *flight) giveBack(it *item) {
	it.lease.Release(it.id)
	it.lease = nil
	f.count(func(s *DrainStats) { s.Resent++ })
	f.tell(Settlement{ID: it.id, Outcome: OutcomeGivenBack})
}

func (f *flight) slowDown(it *item, outcome string, factor int) {
	f.count(func(s *DrainStats) { s.LastOutcome = outcome })
	event, until := f.pace.slow(it.sent, factor)
	if event > 0 {
		level := slog.LevelWarn
		if event > 1 {
			level = slog.LevelDebug
		}
		f.opts.Log.Log(context.Background(), level, "the hub handed a message back, sending pauses", "id", it.id.String(), "outcome", outcome, "pause", time.Until(until))
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

// Unwrap returns the hub's error, if there is one.
func (e *RejectedError) Unwrap() error {
	if e.Remote == nil {
		return nil
	}
	return e.Remote
}

type verdict int

const (
	verdictLater   verdict = iota // the hub cannot now
	verdictDead                   // the message can never be taken
	verdictRefused                // the hub does not want us
)

// rejectionsToDie is how often a record may be rejected for a reason that is
// neither known as a matter of time nor as one of content.
const rejectionsToDie = 3

// judge reads a rejection. Unknown reasons are tried again a few times: a record
// is not set aside on the word of a hub that is only confused, nor may it block
// the queue for ever.
func (f *flight) judge(id store.ID, e *amqp.Error) verdict {
	if e == nil {
		return f.unknown(id)
	}
	switch e.Condition {
	case amqp.ErrCondMessageSizeExceeded, amqp.ErrCondDecodeError, amqp.ErrCondInvalidField, amqp.ErrCondNotAllowed,
		amqp.ErrCondNotImplemented, amqp.ErrCondFrameSizeTooSmall, condArgumentError, condArgumentRange:
		return verdictDead
	case amqp.ErrCondUnauthorizedAccess, amqp.ErrCondNotFound:
		return verdictRefused
	case amqp.ErrCondResourceLimitExceeded, amqp.ErrCondInternalError, amqp.ErrCondResourceLocked, amqp.ErrCondConnectionForced,
		amqp.ErrCondDetachForced, condTimeout, condThrottled, condServerBusy, condQuotaExceeded, condHubSuspended:
		return verdictLater
	}
	switch code := hubErrorCode(e.Description); {
	case code/1000 == 413:
		return verdictDead
	case code/1000 == 429, code/1000 >= 500:
		return verdictLater
	}
	return f.unknown(id)
}

func (f *flight) unknown(id store.ID) verdict {
	if len(f.tries) >= f.opts.Window {
		clear(f.tries)
	}
	if f.tries[id]++; f.tries[id] >= rejectionsToDie {
		return verdictDead
	}
	return verdictLater
}
