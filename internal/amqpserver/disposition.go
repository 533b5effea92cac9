package amqpserver

import (
	"slices"

	"fieldpost/internal/amqpserver/wire"
)

// disposition takes the peer's word on a range of deliveries.
func (s *session) disposition(d *wire.Disposition) {
	last := d.First
	if d.Last != nil {
		last = *d.Last
	}
	if d.Role == wire.RoleReceiver {
		s.outcomes(d, inRange(s.sent, d.First, last))
	} else if d.Settled {
		for _, delivery := range inRange(s.received, d.First, last) {
			delivery.Link.forget(delivery)
		}
	}
}

// inRange returns the deliveries from first to last in serial order (RFC 1982).
// What it costs depends on how many there are, not on what the peer wrote.
func inRange[T any](m map[uint32]T, first, last uint32) []T {
	span := last - first
	if span > 1<<31 {
		return nil // last lies before first
	}
	var ids []uint32
	if uint64(span) < uint64(len(m)) {
		for i := range span + 1 {
			if _, ok := m[first+i]; ok {
				ids = append(ids, first+i)
			}
		}
	} else {
		for id := range m {
			if id-first <= span {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b uint32) int { return int(int32(a - b)) })
	}
	out := make([]T, len(ids))
	for i, id := range ids {
		out[i] = m[id]
	}
	return out
}

// outcomes ends deliveries of ours that reached a terminal state or were
// settled, and settles those for which the peer waits for us to do so.
func (s *session) outcomes(d *wire.Disposition, deliveries []*outgoing) {
	outcome, terminal := d.State.(wire.Outcome)
	if !terminal && !d.Settled {
		return
	}
	for _, o := range deliveries {
		delete(s.sent, o.id)
		delete(o.l.sent, o.id)
	}
	for _, o := range deliveries {
		result := outcome
		if !terminal {
			result = o.l.defaultOutcome()
		}
		answer := s.decide(o, result)
		if !d.Settled && o.l.state == linkAttached {
			s.c.send(s.channel, &wire.Disposition{Role: wire.RoleSender, First: o.id, Settled: true, State: answer})
		}
		o.l.refill()
	}
}

// decide asks for the final state of a delivery, c.mu released meanwhile.
func (s *session) decide(o *outgoing, result wire.Outcome) wire.Outcome {
	if o.onOutcome == nil {
		return result
	}
	s.c.mu.Unlock()
	defer s.c.mu.Lock()
	if answer := o.onOutcome(result); answer != nil {
		return answer
	}
	return result
}

// defaultOutcome is what a delivery counts as that was settled without a state
// (spec 3.5.3); nil if the source does not say.
func (l *Link) defaultOutcome() wire.Outcome {
	if l.Source == nil {
		return nil
	}
	outcome, _ := l.Source.DefaultOutcome.(wire.Outcome)
	return outcome
}
