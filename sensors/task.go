package sensors

import (
	"context"
	"fmt"
)

// task is something to do on a bus that is no sample.
type task struct {
	what string
	ctx  context.Context // of who wants it
	do   func(context.Context) error
	done chan error // buffered
}

// Do runs do on the goroutine that owns the bus, between two samples, within the
// deadline of a call: while it runs the sensors wait, so it should be short, and do
// longer things in parts. do must not keep what it was given of the bus. Like a
// sample, what does not return is abandoned and the bus is hung. Do waits for Run
// and for the call that is under way, until ctx ends.
func (s *Sampler) Do(ctx context.Context, what string, do func(context.Context) error) error {
	t := task{what: what, ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case s.tasks <- t:
	case <-s.ended:
		return fmt.Errorf("%s: %w", what, ErrStopped)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
}

// carryOut runs a task unless nobody waits for it any more.
func (s *Sampler) carryOut(ctx context.Context, t task) error {
	if s.hang != nil {
		return s.hang.err()
	}
	if err := context.Cause(t.ctx); err != nil {
		return err
	}
	_, err := s.call(ctx, &lane{Sensor: Sensor{Name: s.opt.Bus}}, t.what, func(ctx context.Context) result {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })()
		return result{err: t.do(ctx)}
	})
	return err
}
