package amqpserver

import (
	"fieldpost/internal/amqpserver/wire"
)

// firstOutgoingID is the transfer-id of the first transfer frame of a session.
const firstOutgoingID = 1

// session is one session of the peer. It is guarded by Conn.mu.
type session struct {
	c       *Conn
	remote  uint16 // the peer's channel
	channel uint16 // ours
	ended   bool   // our end is queued; what comes is thrown away until the peer's

	// The peer's transfer frames.
	nextIncomingID uint32
	incomingWindow uint32 // frames the peer may still send; above 0 when one is read, as it opens behind each half
	outgoingWindow uint32 // what we announce
	received       map[uint32]*Delivery

	// Our transfer frames.
	nextOutgoingID uint32
	remoteWindow   uint32 // frames the peer still takes
	nextDeliveryID uint32
	sent           map[uint32]*outgoing // unsettled, by delivery-id
	ready          []*Link              // links with something to send, the next one first

	links     map[uint32]*Link // by the peer's handle
	handles   numbers          // our handles
	handleMax uint32           // of the peer
}

// begin starts a session and answers on a channel of ours.
func (c *Conn) begin(remote uint16, b *wire.Begin) error {
	if c.sessions[remote] != nil {
		return errorf(wire.CondNotAllowed, "begin on channel %d, which has a session", remote)
	}
	if len(c.sessions) >= c.opts.MaxSessions {
		return errorf(wire.CondResourceLimitExceeded, "more than %d sessions", c.opts.MaxSessions)
	}
	channel := c.channels.take()
	if channel > uint32(c.peer.ChannelMax) {
		return errorf(wire.CondResourceLimitExceeded, "no channel left below the peer's channel-max %d", c.peer.ChannelMax)
	}
	s := &session{
		c:              c,
		remote:         remote,
		channel:        uint16(channel),
		nextIncomingID: b.NextOutgoingID,
		incomingWindow: c.opts.IncomingWindow,
		outgoingWindow: c.opts.IncomingWindow,
		received:       map[uint32]*Delivery{},
		nextOutgoingID: firstOutgoingID,
		remoteWindow:   b.IncomingWindow,
		sent:           map[uint32]*outgoing{},
		links:          map[uint32]*Link{},
		handleMax:      b.HandleMax,
	}
	if c.opts.EchoOutgoingWindow {
		s.outgoingWindow = b.OutgoingWindow
	}
	c.sessions[remote] = s
	c.send(s.channel, &wire.Begin{
		RemoteChannel:  &remote,
		NextOutgoingID: firstOutgoingID,
		IncomingWindow: s.incomingWindow,
		OutgoingWindow: s.outgoingWindow,
		HandleMax:      c.opts.HandleMax,
	})
	return nil
}

// end ends the session because the peer broke its rules.
func (s *session) end(err *wire.Error) {
	if s.ended {
		return
	}
	s.c.opts.Log.Warn("amqp session ended", "peer", s.c.nc.RemoteAddr(), "channel", s.remote, "error", err)
	s.ended = true
	s.c.send(s.channel, &wire.End{Error: err})
	s.c.endLinks(s)
}

// peerEnd answers the peer's end.
func (s *session) peerEnd(*wire.End) {
	c := s.c
	if !s.ended {
		s.ended = true
		if !c.misconduct.noClose {
			c.send(s.channel, &wire.End{})
		}
		c.endLinks(s)
	}
	delete(c.sessions, s.remote)
	c.channels.put(uint32(s.channel))
}

// endLinks finishes all links of a session that has ended.
func (c *Conn) endLinks(s *session) {
	links := s.links
	c.links -= len(links)
	s.links = map[uint32]*Link{}
	s.ready = nil
	for _, l := range links {
		l.state = linkDetached
	}
	for _, l := range links {
		l.finish()
	}
}
