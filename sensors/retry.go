package sensors

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	retryMin = 5 * time.Second
	retryMax = 10 * time.Minute
	// rebuildAfter is the number of failures in a row after which a source is
	// closed and opened anew: a chip that lost its power needs its set-up again.
	rebuildAfter = 3
)

// retryPause returns the pause after the nth failure in a row: at least
// retryMin, with full jitter up to a bound that doubles from the third failure
// on and ends at retryMax.
func retryPause(n int) time.Duration {
	bound := retryMax
	if n < rebuildAfter+6 {
		bound = min(retryMin<<max(n-rebuildAfter+1, 1), retryMax)
	}
	return retryMin + rand.N(bound-retryMin+1)
}

// fail records a failure of l and decides when it is asked again. A source that
// is still open gets its next tick if that comes sooner: one lost transfer
// costs one sample. A source to be opened again waits for the pause. A failure
// that the end of Run caused is none.
//
// When the bus itself is gone, all sources on it are closed at once: the kernel does
// not let go of a USB adapter that a handle is open on, and serves no other device
// on its hub meanwhile.
func (s *Sampler) fail(ctx context.Context, l *lane, err error) {
	if ctx.Err() != nil {
		return
	}
	l.errors++
	var p *panicError
	panicked := errors.As(err, &p)
	unplugged := gone(err)
	for _, other := range s.lanes {
		if other.source != nil && s.hang == nil && (unplugged || other == l && (panicked || l.errors >= rebuildAfter)) {
			s.closeSource(ctx, other)
		}
	}
	l.retry = s.now().Add(retryPause(l.errors))
	if (l.source != nil || unplugged && l.errors < rebuildAfter) && l.tick.Before(l.retry) {
		l.retry = time.Time{}
	}
	s.showNext(l)

	reason := err.Error()
	s.mu.Lock()
	changed := l.state.Condition != Failing || l.state.Reason != reason
	l.state.Failures++
	l.state.Condition, l.state.Reason, l.state.Hint = Failing, reason, hintOf(err)
	s.mu.Unlock()
	if !changed {
		return
	}
	log := s.opt.Log.With("sensor", l.Name, "bus", s.opt.Bus, "error", reason)
	if h := hintOf(err); h != "" {
		log = log.With("hint", h)
	}
	if panicked {
		log = log.With("stack", string(p.stack))
	}
	log.Warn("sensor fails")
}

// gone reports whether an error says that what is open on the bus is of no more use.
func gone(err error) bool {
	var g interface{ Gone() bool }
	return errors.As(err, &g) && g.Gone()
}

// succeed records a reading of l and puts it back on the grid.
func (s *Sampler) succeed(l *lane, r Reading) {
	l.errors, l.retry = 0, time.Time{}
	s.showNext(l)
	s.mu.Lock()
	before := l.state.Condition
	l.state.Samples++
	for _, v := range r.Values {
		switch v.Quality {
		case Suspect:
			l.state.Suspect++
		case Bad:
			l.state.Bad++
		}
	}
	l.state.Last = Reading{Sensor: r.Sensor, Stamp: r.Stamp, Values: append(l.state.Last.Values[:0], r.Values...)}
	l.state.Condition, l.state.Reason, l.state.Hint = OK, "", ""
	s.mu.Unlock()
	if before != OK {
		s.opt.Log.Info("sensor answers", "sensor", l.Name, "bus", s.opt.Bus, "before", before)
	}
}
