package amqpserver

import (
	"sort"

	"fieldpost/internal/amqpserver/wire"
)

// disposition takes the peer's word on a range of deliveries.
func (s *session) disposition(d *wire.Disposition) {
	last := d.First
	if d.Last != nil {
		last = *d.Last
	}
	if d.Role == wire.RoleReceiver {
		s.outcomes(d, last)
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
		sort.Slice(ids, func(i, j int) bool { return int32(ids[i]-ids[j]) < 0 })
	}
	out := make([]T, len(ids))
	for i, id := range ids {
		out[i] = m[id]
	}
	return out
}

// outcomes ends deliveries of ours that reached a terminal state or were
// settled, and settles those for which the peer waits for us to do so.
func (s *session) outcomes(d *wire.Disposition, last uint32) {
	outcome, terminal := d.State.(wire.Outcome)
	if !terminal && !d.Settled {
		return
	}
	deliveries := inRange(s.sent, d.First, last)
	for _, o := range deliveries {
		delete(s.sent, o.id)
		delete(o.l.sent, o.id)
	}
	s.c.release(len(deliveries), 0)
	for _, o := range deliveries {
		result := outcome
		if !terminal {
			result = o.l.defaultOutcome()
		}
		s.settle(&Settlement{outcome: result, o: o, owed: !d.Settled})
		o.l.refill()
	}
}

// Settlement is the peer's word on a delivery of ours, for Link.OnSettle.
type Settlement struct {
	outcome wire.Outcome
	o       *outgoing
	owed    bool // the peer waits for our answer
}

// settle hears the handler, c.mu released meanwhile.
func (s *session) settle(word *Settlement) {
	s.c.mu.Unlock()
	defer s.c.mu.Lock()
	if onSettle := word.o.l.OnSettle; onSettle != nil {
		onSettle(word)
		return
	}
	word.Answer(word.Decide())
}

// Decide calls OnOutcome of the delivery and returns the state of our answer. It
// is to be called once, or never: then the delivery has no outcome.
func (w *Settlement) Decide() wire.Outcome {
	if w.o.onOutcome != nil {
		if answer := w.o.onOutcome(w.outcome); answer != nil {
			return answer
		}
	}
	return w.outcome
}

// Answer sends our answer, if the peer waits for one.
func (w *Settlement) Answer(state wire.DeliveryState) {
	l := w.o.l
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.owed && l.state == linkAttached {
		w.owed = false
		c.send(l.s.channel, &wire.Disposition{Role: wire.RoleSender, First: w.o.id, Settled: true, State: state})
	}
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
