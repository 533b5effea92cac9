package sensors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	// callGrace is what a source that watches its context gets on top of the
	// deadline, so that it can say itself what it waited for.
	callGrace = 500 * time.Millisecond
	// stopWait bounds how long the end of Run waits for a source.
	stopWait = 2 * time.Second

	hangHint = "power-cycle the parts on the bus; sampling goes on by itself when the call returns"
)

// result is what a call into a source gave.
type result struct {
	source Source  // of an Opener
	values []Value // of Sense
	err    error
}

// hang is a call that was abandoned.
type hang struct {
	lane  *lane
	what  string
	since time.Time
	done  chan result // buffered: the call never waits for its listener
}

func (h *hang) reason() string {
	return fmt.Sprintf("%s of %s has not returned since %s", h.what, h.lane.Name, h.since.UTC().Format(time.RFC3339))
}

func (h *hang) err() error { return &hangError{h.reason()} }

// hangError is ErrHung with its story and hint.
type hangError struct{ reason string }

func (e *hangError) Error() string        { return ErrHung.Error() + ": " + e.reason }
func (e *hangError) Is(target error) bool { return target == ErrHung }
func (e *hangError) Hint() string         { return hangHint }

// panicError is a panic of a driver.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("driver panicked: %v", e.value) }

// call runs fn on a goroutine of its own and waits for it until the deadline.
// After that the call is abandoned and the bus is hung.
func (s *Sampler) call(ctx context.Context, l *lane, what string, fn func(context.Context) result) (result, error) {
	if s.done == nil {
		s.done = make(chan result, 1)
	}
	begin, done := time.Now(), s.done
	callCtx, cancel := context.WithTimeout(ctx, s.opt.Deadline)
	go func() {
		defer cancel()
		guard(callCtx, fn, done)
		if s.orphan.Load() {
			discard(done)
		}
	}()

	limit := s.alarm(s.opt.Deadline + callGrace)
	defer limit.Stop()
	select {
	case res := <-done:
		return res, res.err
	case <-limit.C:
	case <-ctx.Done():
		limit.Reset(stopWait)
		select {
		case res := <-done:
			return res, res.err
		case <-limit.C:
		}
	}
	s.done = nil // it is the abandoned call's now
	h := &hang{lane: l, what: what, since: begin, done: done}
	s.mu.Lock()
	s.hang = h
	s.mu.Unlock()
	s.opt.Log.Warn("bus hung", "bus", s.opt.Bus, "sensor", l.Name, "call", what, "deadline", s.opt.Deadline)
	return result{}, h.err()
}

// alarm returns the timer of this sampler, set to d: Run waits for one thing at a time.
func (s *Sampler) alarm(d time.Duration) *time.Timer {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	return s.timer
}

// guard runs fn and sends one result whatever fn does to its goroutine.
func guard(ctx context.Context, fn func(context.Context) result, done chan<- result) {
	res := result{err: errors.New("driver ended its goroutine")}
	defer func() {
		if p := recover(); p != nil {
			res = result{err: &panicError{p, debug.Stack()}}
		}
		done <- res
	}()
	res = fn(ctx)
}

// discard closes the source in a result that nobody waits for any more.
func discard(done <-chan result) {
	select {
	case res := <-done:
		if res.source != nil && res.err == nil {
			_ = res.source.Close()
		}
	default:
	}
}

// unhang takes back the bus after an abandoned call has returned. What a late
// Sense gave is too old to be a reading; a source that was opened late is kept.
func (s *Sampler) unhang(res result) {
	h := s.hang
	s.mu.Lock()
	s.hang = nil
	s.mu.Unlock()
	if res.source != nil && res.err == nil {
		h.lane.source, h.lane.retry = res.source, time.Time{}
	}
	s.opt.Log.Info("bus answers again", "bus", s.opt.Bus, "sensor", h.lane.Name, "call", h.what, "after", time.Since(h.since).Round(time.Millisecond))
}

// closeSource closes the source of l, within the deadline of a call.
func (s *Sampler) closeSource(ctx context.Context, l *lane) {
	source := l.source
	l.source = nil
	_, err := s.call(ctx, l, "close", func(context.Context) result {
		return result{err: source.Close()}
	})
	if err != nil && s.hang == nil {
		s.opt.Log.Debug("close source", "sensor", l.Name, "error", err)
	}
}

// closeAll ends the sources when Run ends. On a hung bus they are left alone:
// the abandoned call may be using them.
func (s *Sampler) closeAll() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, l := range s.lanes {
		if l.source != nil && s.hang == nil {
			s.closeSource(ctx, l)
		}
	}
	s.orphan.Store(true)
	if s.hang != nil {
		discard(s.hang.done)
	}
}
