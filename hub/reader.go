package hub

import (
	"errors"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// maxFlying is what a reader may leave unsettled before it gets no more, in
// bytes: it keeps the log from outliving its limit in the queues of its readers.
const maxFlying = 16 << 20

// eventReader is one receiver on a partition. It is guarded by partition.mu.
type eventReader struct {
	link    *amqpserver.Link
	group   string // in lower case
	name    string // as it calls itself
	epoch   int64  // noEpoch for one that shares the partition
	metrics bool   // it wants to be told where the partition ends

	next   int64  // sequence number of the next event to send
	at     cursor // at next, once that has been found
	flying int    // bytes sent and not settled
}

// read adds a reader that starts at pos.
func (p *partition) read(r *eventReader, pos position) *wire.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.next = p.next.sequence
	if !pos.latest {
		if err := p.checkPosition(pos); err != nil {
			return err
		}
		at, err := p.seek(pos.starts)
		if err != nil {
			return &wire.Error{Condition: wire.CondInternalError, Description: err.Error()}
		}
		if at.left() {
			r.at, r.next = at, at.sequence
		}
	}
	if err := p.admit(r); err != nil {
		return err
	}
	r.link.OnCredit = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pump(r)
	}
	r.link.OnDetach = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.readers, r)
	}
	return nil
}

// pump sends a reader what it may have now; it misses what is too large for it.
func (p *partition) pump(r *eventReader) {
	for r.next < p.next.sequence && r.flying < maxFlying && r.link.Available() > 0 {
		e, err := p.event(r)
		payload := e.payload
		if err == nil && r.metrics {
			payload, err = withMetrics(payload, p.last())
		}
		if err != nil {
			p.log.Warn("a reader of events ends", "partition", p.id, "error", err)
			delete(p.readers, r)
			r.link.Detach(&wire.Error{Condition: wire.CondInternalError, Description: err.Error()})
			return
		}
		err = p.send(r, payload)
		if err != nil && !errors.Is(err, amqpserver.ErrMessageTooLarge) {
			return
		}
		r.at.step(e)
		r.next++
	}
}

// event returns the next event of a reader, which there must be. One that fell
// behind the oldest event goes on with that one.
func (p *partition) event(r *eventReader) (logged, error) {
	r.next = max(r.next, p.first())
	if !r.at.left() || r.at.sequence != r.next {
		at, err := p.seek(func(at place) bool { return at.sequence >= r.next })
		if err != nil {
			return logged{}, err
		}
		r.at = at
	}
	return r.at.event()
}

func (p *partition) send(r *eventReader, payload []byte) error {
	if r.link.PeerAttach().SndSettleMode == wire.SndSettled {
		return r.link.Send(payload, amqpserver.SendOptions{})
	}
	size := len(payload) // the payload itself must not outlive the log's limit in OnOutcome
	err := r.link.Send(payload, amqpserver.SendOptions{OnOutcome: func(wire.Outcome) wire.Outcome {
		p.mu.Lock()
		defer p.mu.Unlock()
		r.flying -= size
		p.pump(r)
		return nil
	}})
	if err == nil {
		r.flying += size
	}
	return err
}
