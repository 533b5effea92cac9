package sensors

import (
	"math/rand/v2"
	"time"
)

// The grid: tick k of a sensor is at begin + k*every, by the time since boot. Go's
// timers and its monotonic clock stand still while the machine is suspended; the grid
// goes on, so that what was not sampled meanwhile is missed.
// Sensors with the same interval share their ticks. The next tick of an aligned
// sensor is moved, by half an interval at most, to where the wall clock will show a
// multiple of the interval: a clock that is set or steps moves the grid, and neither
// leaves ticks out nor piles them up. A sample is taken behind its tick by a random
// part of the jitter.

// suspendLook bounds how late a tick is that came in suspend or soon after: a timer
// that was set before lasts longer by the suspend.
const suspendLook = time.Minute

// now is the time of the grid: that of the monotonic clock and all suspends since
// begin. Boot time was read behind the monotonic clock then and is read ahead of it
// here, so that a goroutine that waits for the processor in between is no suspend.
func (s *Sampler) now() time.Time {
	boot := s.opt.Clock.Now().BootTime - s.zero
	now := time.Now()
	s.slept = max(s.slept, boot-now.Sub(s.begin))
	return now.Add(s.slept)
}

// setTick puts l on the first tick of its grid that is not before at.
func (s *Sampler) setTick(l *lane, at time.Time) {
	k := (at.Sub(s.begin) + l.every - 1) / l.every
	l.tick = s.begin.Add(k * l.every)
	if k > 0 { // the very first sample is taken at once
		s.place(l, at)
	}
	s.showNext(l)
}

// place aligns the tick of l that is to come, and draws how far behind it the sample
// is taken.
func (s *Sampler) place(l *lane, now time.Time) {
	if l.Align {
		wall := s.opt.Clock.Now().Wall.Add(l.tick.Sub(now))
		past := time.Duration(wall.UnixNano()%int64(l.every)+int64(l.every)) % l.every
		if past > l.every/2 {
			past -= l.every
		}
		l.tick = l.tick.Add(-past)
		if !l.tick.After(now) {
			l.tick = l.tick.Add(l.every)
		}
	}
	l.delay = 0
	if jitter := min(l.Jitter, l.every/2); jitter > 0 {
		l.delay = rand.N(jitter + 1)
	}
}

// passTicks moves l to its first tick after now and returns how many it passed.
func (s *Sampler) passTicks(l *lane, now time.Time) int {
	if l.tick.After(now) {
		return 0
	}
	n := now.Sub(l.tick)/l.every + 1
	l.tick = l.tick.Add(n * l.every)
	s.place(l, now)
	s.showNext(l)
	return int(n)
}

// regrid puts every lane whose interval was changed on its new grid.
func (s *Sampler) regrid(now time.Time) {
	for _, l := range s.lanes {
		s.mu.Lock()
		every := l.state.Every
		s.mu.Unlock()
		if every != l.every {
			l.every = every
			s.setTick(l, now)
		}
	}
}

// due returns the lane that has waited longest, or nil when all are in time.
func (s *Sampler) due(now time.Time) *lane {
	var first *lane
	for _, l := range s.lanes {
		if at := s.turn(l); !at.After(now) && (first == nil || at.Before(s.turn(first))) {
			first = l
		}
	}
	return first
}

// next returns when some lane is due; zero without lanes.
func (s *Sampler) next() (at time.Time) {
	for _, l := range s.lanes {
		if t := s.turn(l); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// turn returns when l wants attention: at its tick, which is served or missed,
// or at its retry, which a hung bus puts off.
func (s *Sampler) turn(l *lane) time.Time {
	at := l.tick.Add(l.delay)
	if s.hang == nil && !l.retry.IsZero() && l.retry.Before(at) {
		return l.retry
	}
	return at
}

func (s *Sampler) miss(l *lane, ticks int) {
	if ticks == 0 {
		return
	}
	s.mu.Lock()
	l.state.Missed += uint64(ticks)
	s.mu.Unlock()
}

// showNext publishes when l is asked next.
func (s *Sampler) showNext(l *lane) {
	at := l.tick.Add(l.delay)
	if !l.retry.IsZero() {
		at = l.retry
	}
	s.mu.Lock()
	l.state.NextTry = at.Add(-s.slept)
	s.mu.Unlock()
}
