package hub

import (
	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// producerLink is one link a service sends events on, past the devices.
type producerLink struct {
	hub *Hub
	to  *partition // nil when the key decides, or nothing
}

// openProducer answers a sender on the entity or on one of its partitions.
func (h *Hub) openProducer(l *amqpserver.Link, a address) *wire.Error {
	p := &producerLink{hub: h}
	if a.kind == addressProduce {
		if p.to = h.events.partition(a.partition); p.to == nil {
			return h.events.faultPartition()
		}
	}
	l.MaxMessageSize = maxTransfer
	l.Credit = telemetryRoom
	l.OnDelivery = p.receive
	return nil
}

// receive handles one transfer: an event, or a batch of them, which stays
// together.
func (p *producerLink) receive(d *amqpserver.Delivery) {
	if err := p.log(d); err != nil {
		d.Settle(wire.Rejected{Error: &wire.Error{Condition: wire.CondDecodeError, Description: err.Error()}})
		return
	}
	d.Settle(wire.Accepted{})
}

func (p *producerLink) log(d *amqpserver.Delivery) error {
	outer, err := wire.ParseMessage(d.Payload)
	if err != nil {
		return err
	}
	messages, err := splitMessage(d.Format, outer)
	if err != nil {
		return err
	}
	key, keyed := outer.Annotations[annotationPartition].(string)
	for _, m := range messages {
		m.Header, m.DeliveryAnnotations, m.Footer = nil, nil, nil
		m.Annotations = keepAnnotations(m.Annotations)
		if keyed {
			m.Annotations[annotationPartition] = key
		}
	}
	return p.choose(key, keyed).append(messages)
}

// choose returns the partition of a transfer: the link's, the key's, or the next.
func (p *producerLink) choose(key string, keyed bool) *partition {
	l := p.hub.events
	switch {
	case p.to != nil:
		return p.to
	case keyed:
		return l.of(key)
	default:
		return l.partitions[l.turn.Add(1)%uint32(len(l.partitions))]
	}
}
