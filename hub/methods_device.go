package hub

import (
	"encoding/json"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Application properties of method requests and replies.
const (
	propertyMethodName   = "IoThub-methodname"
	propertyMethodStatus = "IoThub-status"
)

// open answers one of the device's two links. The one the device receives on is
// its readiness for methods.
func (s *methods) open(l *amqpserver.Link, id string) *wire.Error {
	s.mu.Lock()
	older, err := s.links.join(l, id)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.move()
	s.mu.Unlock()
	if l.PeerSends() {
		l.MaxMessageSize = maxTransfer
		l.Credit = requestRoom
		l.OnDelivery = s.receive
	} else {
		l.OnCredit = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.move()
		}
	}
	l.OnDetach = func() { s.detached(l) }
	for _, o := range older {
		o.Detach(faultStolen(s.device.name()))
	}
	return nil
}

// detached ends the calls whose reply can no longer come.
func (s *methods) detached(l *amqpserver.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links.leave(l)
	s.move()
	for _, c := range s.calls {
		if c.link == l {
			c.end(callResult{err: refuseGone()})
		}
	}
}

// receive takes the reply to one call. One that nobody waits for any more is
// accepted and dropped.
func (s *methods) receive(d *amqpserver.Delivery) {
	if len(d.Payload) > maxMethodReply {
		d.Settle(wire.Rejected{Error: faultSize(len(d.Payload), maxMethodReply)})
		return
	}
	m, err := wire.ParseMessage(d.Payload)
	if err != nil {
		d.Settle(wire.Rejected{Error: faultDecode(err)})
		return
	}
	var id wire.UUID
	isUUID := false
	if m.Properties != nil {
		id, isUUID = m.Properties.CorrelationID.(wire.UUID)
	}
	status, isStatus := integer(m.ApplicationProperties[propertyMethodStatus])
	switch {
	case !isUUID:
		d.Settle(wire.Rejected{Error: faultInvalid("The correlation-id of a method response is the uuid of its request.")})
		return
	case !isStatus:
		d.Settle(wire.Rejected{Error: faultInvalid("A method response has an application property %s, an integer.", propertyMethodStatus)})
		return
	}
	d.Settle(wire.Accepted{})
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[id]
	if c == nil || c.link == nil {
		s.hub.log.Debug("method response nobody waits for", "device", s.device.name(), "status", status)
		return
	}
	payload := json.RawMessage(bodyOf(m))
	switch {
	case len(payload) == 0:
		payload = json.RawMessage("null")
	case !json.Valid(payload):
		c.end(callResult{err: refuse(codeBadReply, "The response of the device is not JSON.")})
		return
	}
	c.end(callResult{MethodResult: MethodResult{Status: int(status), Payload: payload}})
}
