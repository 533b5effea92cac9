package sensors

import "time"

// The grid: tick k of a sensor is at begin + k*every, by the monotonic clock.
// Sensors with the same interval share their ticks.

// setTick puts l on the first tick of its grid that is not before at.
func (s *Sampler) setTick(l *lane, at time.Time) {
	k := (at.Sub(s.begin) + l.every - 1) / l.every
	l.tick = s.begin.Add(k * l.every)
	s.showNext(l)
}

// passTicks moves l to its first tick after now and returns how many it passed.
func (s *Sampler) passTicks(l *lane, now time.Time) int {
	if l.tick.After(now) {
		return 0
	}
	n := now.Sub(l.tick)/l.every + 1
	l.tick = l.tick.Add(n * l.every)
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
	if s.hang == nil && !l.retry.IsZero() && l.retry.Before(l.tick) {
		return l.retry
	}
	return l.tick
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
	at := l.tick
	if !l.retry.IsZero() {
		at = l.retry
	}
	s.mu.Lock()
	l.state.NextTry = at
	s.mu.Unlock()
}
