package amqpserver

import (
	"bytes"

	"fieldpost/internal/amqpserver/wire"
)

// Delivery is one message the peer sent. Tag and Payload belong to the receiver
// of the callback.
type Delivery struct {
	Link    *Link
	Tag     []byte
	Format  uint32
	Payload []byte
	Settled bool // the peer sent it settled: Settle says nothing

	// OnSettle is called by Settle in place of an answer, which Answer then gives.
	// Default none.
	OnSettle func(wire.Outcome)

	// Guarded by Conn.mu.
	id uint32
}

// assembly is a delivery whose last frame has not come yet.
type assembly struct {
	id      uint32
	tag     []byte
	format  uint32
	settled bool
	payload []byte
}

// transfer takes one transfer frame.
func (s *session) transfer(t *wire.Transfer) {
	if s.incomingWindow == 0 {
		s.end(errorf(wire.CondWindowViolation, "transfer beyond the incoming-window"))
		return
	}
	s.incomingWindow--
	s.nextIncomingID++
	l := s.links[t.Handle]
	switch {
	case l == nil:
		s.end(errorf(wire.CondUnattachedHandle, "transfer for handle %d", t.Handle))
		return
	case l.state != linkAttached:
	case !l.PeerSends():
		s.end(errorf(wire.CondErrantLink, "transfer on link %q, whose sender is this side", l.peer.Name))
		return
	default:
		if err := l.transfer(t); err != nil {
			l.detachLocked(err)
		}
	}
	if s.incomingWindow <= s.c.opts.IncomingWindow/2 && !s.ended {
		s.sendFlow(nil, false)
	}
}

// transfer adds a frame to the delivery it belongs to, and hands that over when
// it is complete. An error detaches the link.
func (l *Link) transfer(t *wire.Transfer) *wire.Error {
	if l.partial == nil {
		if err := l.beginDelivery(t); err != nil {
			return err
		}
	} else if t.DeliveryID != nil && *t.DeliveryID != l.partial.id {
		return errorf(wire.CondNotAllowed, "delivery %d begins inside delivery %d", *t.DeliveryID, l.partial.id)
	}
	p := l.partial
	p.settled = p.settled || t.Settled
	if t.Aborted {
		l.dropPartial()
		l.settledOne()
		return nil
	}
	if uint64(len(p.payload))+uint64(len(t.Payload)) > l.maxSize {
		return errorf(wire.CondMessageSizeExceeded, "message of more than %d bytes", l.maxSize)
	}
	p.payload = append(p.payload, t.Payload...)
	c := l.s.c
	c.reassembling += len(t.Payload)
	if t.More {
		if c.reassembling > c.opts.MaxReassembly {
			return errorf(wire.CondResourceLimitExceeded, "more than %d bytes of unfinished deliveries", c.opts.MaxReassembly)
		}
		return nil
	}
	l.dropPartial()
	l.deliver(p)
	return nil
}

func (l *Link) beginDelivery(t *wire.Transfer) *wire.Error {
	switch {
	case t.DeliveryID == nil:
		return errorf(wire.CondInvalidField, "first transfer of a delivery without delivery-id")
	case len(t.DeliveryTag) > maxTag:
		return errorf(wire.CondInvalidField, "delivery-tag of %d bytes, at most %d allowed", len(t.DeliveryTag), maxTag)
	case t.DeliveryTag == nil:
		return errorf(wire.CondInvalidField, "first transfer of a delivery without delivery-tag")
	case l.credit == 0 && l.revoked == 0:
		return errorf(wire.CondTransferLimitExceeded, "transfer without link credit")
	case l.s.received[*t.DeliveryID] != nil:
		return errorf(wire.CondInvalidField, "delivery-id %d is in use", *t.DeliveryID)
	}
	if l.credit > 0 {
		l.credit--
	} else {
		l.revoked--
	}
	l.deliveryCount++
	l.open++
	l.partial = &assembly{
		id:      *t.DeliveryID,
		tag:     bytes.Clone(t.DeliveryTag),
		settled: l.peer.SndSettleMode == wire.SndSettled,
	}
	if t.MessageFormat != nil {
		l.partial.format = *t.MessageFormat
	}
	return nil
}

// dropPartial gives up the memory of an unfinished delivery.
func (l *Link) dropPartial() {
	if l.partial != nil {
		l.s.c.reassembling -= len(l.partial.payload)
		l.partial = nil
	}
}

// deliver hands a complete delivery to the handler.
func (l *Link) deliver(p *assembly) {
	d := &Delivery{Link: l, Tag: p.tag, Format: p.format, Payload: p.payload, Settled: p.settled, id: p.id}
	if !d.Settled {
		l.received[d.id] = d
		l.s.received[d.id] = d
	}
	c := l.s.c
	c.mu.Unlock()
	if l.OnDelivery != nil {
		l.OnDelivery(d)
	} else {
		d.Settle(wire.Released{})
	}
	c.mu.Lock()
	if d.Settled {
		l.settledOne()
	}
}

// Settle answers the delivery with o, which settles it; nil counts as Released.
// That holds for rcv-settle-mode second too: uAMQP asks for it, never settles by
// itself, and would wait for ever. Only the first call counts, and none after
// the link has been detached or the peer has settled by itself.
func (d *Delivery) Settle(o wire.Outcome) {
	if o == nil {
		o = wire.Released{}
	}
	if d.OnSettle != nil {
		d.OnSettle(o)
		return
	}
	d.Answer(o)
}

// Answer is Settle without OnSettle, and settles without a state when that is nil,
// which tells the peer nothing.
func (d *Delivery) Answer(state wire.DeliveryState) {
	l := d.Link
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Settled || l.state != linkAttached || l.received[d.id] != d {
		return
	}
	if _, accepted := state.(wire.Accepted); accepted {
		c.accept(l.s.channel, d.id)
	} else {
		c.send(l.s.channel, &wire.Disposition{Role: wire.RoleReceiver, First: d.id, Settled: true, State: state})
	}
	l.forget(d)
}

// forget ends the life of a settled delivery.
func (l *Link) forget(d *Delivery) {
	delete(l.received, d.id)
	delete(l.s.received, d.id)
	l.settledOne()
}

func (l *Link) settledOne() {
	l.open--
	l.replenish()
}
