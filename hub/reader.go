package hub

import (
	"errors"
	"sort"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// maxFlying is what a reader may leave unsettled before it gets no more, in
// bytes: it keeps the log from outliving its limit in the queues of its readers.
const maxFlying = 16 << 20

// eventReader is one receiver on a partition. It is guarded by partition.mu.
type eventReader struct {
	link   *amqpserver.Link
	next   int64 // sequence number of the next event to send
	flying int   // bytes sent and not settled
}

// read adds a reader that starts at pos.
func (p *partition) read(l *amqpserver.Link, pos position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &eventReader{link: l, next: p.next}
	if !pos.latest {
		i := sort.Search(len(p.events), func(i int) bool { return pos.starts(p.events[i]) })
		r.next = p.next - int64(len(p.events)-i)
	}
	p.readers[r] = struct{}{}
	l.OnCredit = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pump(r)
	}
	l.OnDetach = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.readers, r)
	}
}

// pump sends a reader what it may have now. A reader that fell behind the oldest
// event goes on with that one; it misses what is too large for it.
func (p *partition) pump(r *eventReader) {
	first := p.next - int64(len(p.events))
	r.next = max(r.next, first)
	for r.next < p.next && r.flying < maxFlying && r.link.Available() > 0 {
		err := p.send(r, p.events[r.next-first].payload)
		if err != nil && !errors.Is(err, amqpserver.ErrMessageTooLarge) {
			return
		}
		r.next++
	}
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
