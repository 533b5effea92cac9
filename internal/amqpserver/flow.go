package amqpserver

import "fieldpost/internal/amqpserver/wire"

// flow takes the peer's view of the session, and of one link of it.
func (s *session) flow(f *wire.Flow) {
	next := uint32(firstOutgoingID)
	if f.NextIncomingID != nil {
		next = *f.NextIncomingID
	}
	s.remoteWindow = remaining(f.IncomingWindow, s.nextOutgoingID-next)
	if f.Handle == nil {
		s.pump()
		if f.Echo {
			s.sendFlow(nil, false)
		}
		return
	}
	l := s.links[*f.Handle]
	switch {
	case l == nil:
		s.end(errorf(wire.CondUnattachedHandle, "flow for handle %d", *f.Handle))
	case l.state != linkAttached:
	case l.PeerSends():
		l.senderFlow(f)
	default:
		l.receiverFlow(f)
	}
}

// remaining returns what is left of limit after used more were sent than the
// peer knew of.
func remaining(limit, used uint32) uint32 {
	if used > limit {
		return 0
	}
	return limit - used
}

// sendFlow tells the peer the state of the session and, if l is not nil, of that
// link. It opens the session window anew.
func (s *session) sendFlow(l *Link, drain bool) {
	if s.c.misconduct.noFlows {
		return
	}
	s.incomingWindow = s.c.opts.IncomingWindow
	f := &wire.Flow{
		IncomingWindow: s.incomingWindow,
		NextOutgoingID: s.nextOutgoingID,
		OutgoingWindow: s.outgoingWindow,
	}
	if !s.c.opts.BareFlow {
		next := s.nextIncomingID
		f.NextIncomingID = &next
	}
	if l != nil {
		handle, deliveryCount, credit := l.handle, l.deliveryCount, l.credit
		f.Handle, f.DeliveryCount, f.LinkCredit, f.Drain = &handle, &deliveryCount, &credit, drain
		if !l.PeerSends() {
			available := uint32(len(l.pending))
			f.Available = &available
		}
	}
	s.c.send(s.channel, f)
}

// senderFlow takes the flow of a link the peer sends on.
func (l *Link) senderFlow(f *wire.Flow) {
	if f.DeliveryCount != nil {
		l.credit = remaining(l.credit, *f.DeliveryCount-l.deliveryCount)
		l.deliveryCount = *f.DeliveryCount
	}
	if !l.replenish() && f.Echo {
		l.s.sendFlow(l, false)
	}
}

// replenish grants credit again once half of it is used up or none is left. It
// reports whether it did.
func (l *Link) replenish() bool {
	grant := remaining(l.granted, l.open)
	if l.state != linkAttached || grant <= l.credit {
		return false
	}
	if l.credit > 0 && grant-l.credit < (l.granted+1)/2 {
		return false
	}
	l.credit = grant
	l.s.sendFlow(l, false)
	return true
}

// receiverFlow takes the flow of a link the peer receives on.
func (l *Link) receiverFlow(f *wire.Flow) {
	if f.LinkCredit != nil {
		var base uint32 // our initial-delivery-count, until the peer knows it
		if f.DeliveryCount != nil {
			base = *f.DeliveryCount
		}
		l.credit = remaining(*f.LinkCredit, l.deliveryCount-base)
	}
	l.drain = false // not before the handler had its turn
	l.s.pump()
	l.credited()
	if l.state != linkAttached {
		return
	}
	l.drain = f.Drain
	if !l.drained() && f.Echo {
		l.s.sendFlow(l, false)
	}
}

// drained uses up what is left of the credit if the peer asked for that and
// nothing more can be sent. It reports whether it did.
func (l *Link) drained() bool {
	if !l.drain || l.state != linkAttached || len(l.pending) > 0 && l.credit > 0 {
		return false
	}
	l.drain = false
	l.deliveryCount += l.credit
	l.credit = 0
	l.s.sendFlow(l, true)
	return true
}
