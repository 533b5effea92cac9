package amqpserver

import (
	"fmt"

	"fieldpost/internal/amqpserver/wire"
)

// attach starts a link, if the handler wants it.
func (s *session) attach(a *wire.Attach) error {
	c := s.c
	if a.Handle > c.opts.HandleMax {
		return errorf(wire.CondFramingError, "handle %d, at most %d allowed", a.Handle, c.opts.HandleMax)
	}
	if s.links[a.Handle] != nil {
		s.end(errorf(wire.CondHandleInUse, "attach of %q with handle %d, which is in use", a.Name, a.Handle))
		return nil
	}
	if len(s.links) >= c.opts.MaxLinks {
		s.end(errorf(wire.CondResourceLimitExceeded, "more than %d links", c.opts.MaxLinks))
		return nil
	}
	if c.links >= c.opts.MaxConnectionLinks {
		s.end(errorf(wire.CondResourceLimitExceeded, "more than %d links on the connection", c.opts.MaxConnectionLinks))
		return nil
	}
	s.steal(a)
	handle := s.handles.take()
	if handle > s.handleMax {
		s.end(errorf(wire.CondResourceLimitExceeded, "no handle left below the peer's handle-max %d", s.handleMax))
		return nil
	}
	l := newLink(s, handle, a)
	s.links[a.Handle] = l
	c.links++
	refused := l.ask()
	answer := l.answer()
	if refused == nil && !c.fits(s.channel, answer) {
		refused = errorf(wire.CondFrameSizeTooSmall, "the answer does not fit a frame of %d bytes", c.maxFrame)
		l.state = linkDetached
		l.finish()
	}
	if refused != nil {
		l.refuse(answer, refused)
		return nil
	}
	c.send(s.channel, answer)
	l.trim()
	l.state = linkAttached
	if l.detachAsked {
		l.detachLocked(l.detachError)
		return nil
	}
	if l.PeerSends() {
		l.granted = min(l.Credit, c.opts.MaxUnsettled)
		l.replenish()
	}
	return nil
}

// steal detaches the link that a takes the place of: one of the same name and
// direction in this session.
func (s *session) steal(a *wire.Attach) {
	for _, old := range s.links {
		if old.state == linkAttached && old.peer.Name == a.Name && old.peer.Role == a.Role {
			old.detachLocked(errorf(wire.CondLinkStolen, "link %q was attached again", a.Name))
			old.finish()
			return
		}
	}
}

// ask lets the handler decide, c.mu released meanwhile.
func (l *Link) ask() *wire.Error {
	switch a := l.peer; {
	case a.Coordinator:
		return errorf(wire.CondNotImplemented, "transactions are not supported")
	case a.SndSettleMode > wire.SndMixed, a.RcvSettleMode > wire.RcvSecond:
		return errorf(wire.CondInvalidField, "settle modes %d and %d", a.SndSettleMode, a.RcvSettleMode)
	case attachText(a) > maxAttachText:
		return errorf(wire.CondInvalidField, "names and addresses of %d bytes, at most %d allowed", attachText(a), maxAttachText)
	}
	c := l.s.c
	c.mu.Unlock()
	err := c.opts.Handler.Attach(l)
	c.mu.Lock()
	if err != nil {
		return asError(err)
	}
	l.accepted = true
	return nil
}

// answer returns our attach: what the peer asked for, with our end filled in.
func (l *Link) answer() *wire.Attach {
	a := &wire.Attach{
		Name:                l.peer.Name,
		Handle:              l.handle,
		Role:                !l.peer.Role,
		SndSettleMode:       l.peer.SndSettleMode,
		RcvSettleMode:       l.peer.RcvSettleMode,
		Source:              l.Source,
		Target:              l.Target,
		OfferedCapabilities: l.OfferedCapabilities,
		Properties:          l.Properties,
	}
	if l.PeerSends() {
		l.maxSize = l.s.c.opts.MaxMessageSize
		if l.MaxMessageSize > 0 {
			l.maxSize = min(l.maxSize, l.MaxMessageSize)
		}
		a.MaxMessageSize = l.maxSize
	} else {
		var initial uint32
		a.InitialDeliveryCount = &initial
	}
	return a
}

// refuse answers with a null terminus at our end, and detaches (spec 2.6.3).
func (l *Link) refuse(answer *wire.Attach, err *wire.Error) {
	s := l.s
	s.c.opts.Log.Debug("amqp link refused", "peer", s.c.nc.RemoteAddr(), "link", fmt.Sprintf("%.200s", l.peer.Name), "error", err)
	if l.PeerSends() {
		answer.Target = nil
	} else {
		answer.Source = nil
	}
	answer.Properties, answer.OfferedCapabilities = nil, nil
	if !s.c.fits(s.channel, answer) {
		answer.Source, answer.Target = nil, nil
	}
	s.c.send(s.channel, answer)
	l.detachOnWire(err)
	l.peer = &wire.Attach{Handle: l.peer.Handle, Role: l.peer.Role}
	l.Source, l.Target, l.Properties = nil, nil, nil
}

// trim gives up the parts of the peer's attach that only Handler.Attach needed:
// decoded, they may be many times larger than the frame they came in.
func (l *Link) trim() {
	a := l.peer
	a.Unsettled, a.Properties = nil, nil
	a.OfferedCapabilities, a.DesiredCapabilities = nil, nil
	if source := a.Source; source != nil {
		source.Filter, source.DynamicNodeProperties, source.Outcomes, source.Capabilities = nil, nil, nil, nil
		source.DefaultOutcome = trimOutcome(source.DefaultOutcome)
	}
	if target := a.Target; target != nil {
		target.DynamicNodeProperties, target.Capabilities = nil, nil
	}
	l.Properties, l.OfferedCapabilities = nil, nil
}

// attachText is the size of the texts that trim leaves, in bytes.
func attachText(a *wire.Attach) int {
	n := len(a.Name)
	if s := a.Source; s != nil {
		n += len(s.Address) + len(s.ExpiryPolicy) + len(s.DistributionMode)
		if rejected, ok := s.DefaultOutcome.(wire.Rejected); ok && rejected.Error != nil {
			n += len(rejected.Error.Condition) + len(rejected.Error.Description)
		}
	}
	if t := a.Target; t != nil {
		n += len(t.Address) + len(t.ExpiryPolicy)
	}
	return n
}

// trimOutcome returns a default outcome without its maps, nil if it is none.
func trimOutcome(s wire.DeliveryState) wire.DeliveryState {
	switch o := s.(type) {
	case wire.Modified:
		o.MessageAnnotations = nil
		return o
	case wire.Rejected:
		if o.Error != nil {
			o.Error.Info = nil
		}
		return o
	case wire.Outcome:
		return o
	default:
		return nil
	}
}

// fits reports whether body fits one frame of the peer.
func (c *Conn) fits(channel uint16, body wire.Body) bool {
	b, err := wire.AppendFrame(nil, wire.FrameAMQP, channel, body)
	return err != nil || uint64(len(b)) <= uint64(c.maxFrame)
}
