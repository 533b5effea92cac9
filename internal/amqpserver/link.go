package amqpserver

import (
	"errors"

	"fieldpost/internal/amqpserver/wire"
)

// linkState is how far a link has come.
type linkState byte

const (
	linkAttaching linkState = iota // the handler decides
	linkAttached
	linkDetached // our detach is queued, or the session has ended
)

// Link is one link of the peer.
type Link struct {
	// Value is the handler's own state; the engine never touches it.
	Value any

	OnDelivery func(*Delivery) // the peer sends: one complete message; default release it
	OnCredit   func()          // the peer receives: Available is above zero; default none
	OnDetach   func()          // the link is gone, whoever ended it; default none

	// OnSettle is called, when the peer receives, with its word on each delivery, in
	// place of Decide and Answer. Default these two.
	OnSettle func(*Settlement)

	Credit         uint32 // the peer sends: deliveries granted, replenished as they are settled; default 0
	MaxMessageSize uint64 // the peer sends: announced and enforced, capped by Options; default Options.MaxMessageSize, bytes

	Source              *wire.Source  // of the answer; default the peer's
	Target              *wire.Target  // of the answer; default the peer's
	OfferedCapabilities []wire.Symbol // of the answer; default none
	Properties          wire.Map      // of the answer; default none

	s    *session
	peer *wire.Attach

	// The rest is guarded by Conn.mu.
	state       linkState
	accepted    bool
	finished    bool
	handle      uint32 // ours
	detachAsked bool   // Detach was called before the answer
	detachError *wire.Error

	deliveryCount uint32 // as on the wire
	credit        uint32 // deliveries that may still start
	revoked       uint32 // credit taken back, which the peer may have used before it heard of it

	// The peer sends.
	granted  uint32 // credit when nothing is unsettled
	open     uint32 // deliveries begun and not yet settled
	maxSize  uint64
	partial  *assembly
	received map[uint32]*Delivery // unsettled, by delivery-id

	// The peer receives.
	drain   bool
	starved bool // a Send was refused for a limit of ours, not for want of credit
	pending []*outgoing
	queued  int                  // bytes of pending not yet written
	sent    map[uint32]*outgoing // unsettled, by delivery-id
}

func newLink(s *session, handle uint32, a *wire.Attach) *Link {
	l := &Link{s: s, peer: a, handle: handle, Source: a.Source, Target: a.Target}
	if l.PeerSends() {
		l.received = map[uint32]*Delivery{}
		if a.InitialDeliveryCount != nil {
			l.deliveryCount = *a.InitialDeliveryCount
		}
	} else {
		l.sent = map[uint32]*outgoing{}
	}
	return l
}

// Conn returns the connection of the link.
func (l *Link) Conn() *Conn { return l.s.c }

// Name returns the link's name.
func (l *Link) Name() string { return l.peer.Name }

// PeerSends reports whether the peer is the sender.
func (l *Link) PeerSends() bool { return l.peer.Role == wire.RoleSender }

// PeerAttach returns the peer's attach. It must not be changed. Once
// Handler.Attach has returned, only names, addresses, modes and numbers are left
// in it: maps and capabilities are gone.
func (l *Link) PeerAttach() *wire.Attach { return l.peer }

// Detach ends the link with err (nil = none). It returns at once; the hooks are
// called when the peer has answered. During Handler.Attach it takes effect after
// the answer. A link that is detached already stays as it is.
func (l *Link) Detach(err *wire.Error) {
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch l.state {
	case linkAttaching:
		if !l.detachAsked {
			l.detachAsked, l.detachError = true, err
		}
	case linkAttached:
		l.detachLocked(err)
	}
}

func (l *Link) detachLocked(err *wire.Error) {
	l.detachOnWire(err)
	l.dropPartial()
}

func (l *Link) detachOnWire(err *wire.Error) {
	l.state = linkDetached
	l.s.c.send(l.s.channel, &wire.Detach{Handle: l.handle, Closed: true, Error: err})
}

// detach answers the peer's detach. One for a handle without a link is a peer
// that detaches twice.
func (s *session) detach(d *wire.Detach) {
	l := s.links[d.Handle]
	if l == nil {
		return
	}
	if l.state == linkAttached && !s.c.misconduct.noClose {
		l.detachLocked(nil)
	}
	l.state = linkDetached
	delete(s.links, d.Handle)
	s.c.links--
	s.handles.put(l.handle)
	l.finish()
}

// finish tells the handler that the link has gone: every delivery without an
// outcome, then OnDetach. Both happen once, and only for an accepted link.
func (l *Link) finish() {
	if l.finished {
		return
	}
	l.finished = true
	l.dropPartial()
	for id := range l.received {
		delete(l.s.received, id)
	}
	l.received = nil
	unsettled := l.abandon()
	if !l.accepted {
		return
	}
	c := l.s.c
	c.mu.Unlock()
	defer c.mu.Lock()
	for _, o := range unsettled {
		if o.onOutcome != nil {
			o.onOutcome(nil)
		}
	}
	if l.OnDetach != nil {
		l.OnDetach()
	}
}

// SetCredit changes Credit of a link the peer sends on. What the peer sends
// before it has heard of less is taken.
func (l *Link) SetCredit(n uint32) error {
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case l.state == linkDetached, c.phase != phaseOpen:
		return ErrDetached
	case !l.PeerSends():
		return errors.New("credit is the peer's to give: it receives on this link")
	case l.state == linkAttaching:
		l.Credit = n
		return nil
	}
	l.granted = min(n, c.opts.MaxUnsettled)
	before := l.credit
	l.credit = remaining(l.granted, l.open)
	l.revoked = remaining(before+l.revoked, l.credit)
	l.s.sendFlow(l, false)
	return nil
}
