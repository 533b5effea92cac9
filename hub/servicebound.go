package hub

import (
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// serviceRoom is the link credit of a service that sends, in messages.
const serviceRoom = 100

// openServiceSender answers a link on /messages/devicebound.
func (h *Hub) openServiceSender(l *amqpserver.Link) {
	l.MaxMessageSize = maxTransfer
	l.Credit = serviceRoom
	l.OnDelivery = func(d *amqpserver.Delivery) {
		if err := h.enqueue(d); err != nil {
			d.Settle(wire.Rejected{Error: err})
			return
		}
		d.Settle(wire.Accepted{})
	}
}

// enqueue puts one message of a service into the queue of the device it is for.
func (h *Hub) enqueue(d *amqpserver.Delivery) *wire.Error {
	if len(d.Payload) > maxQueuedSize {
		return faultSize(len(d.Payload), maxQueuedSize)
	}
	// The message outlives the transfer it came in.
	m, err := wire.ParseMessage(append([]byte(nil), d.Payload...))
	if err != nil {
		return faultDecode(err)
	}
	to := ""
	if m.Properties != nil {
		to = m.Properties.To
	}
	a := parseAddress(to)
	if a.kind != addressDeviceQ {
		return faultInvalid("The property to '%.200s' does not name the queue of a device.", to)
	}
	dev := h.registry.lookup(a.identity())
	if dev == nil {
		return faultDeviceNotFound(a.identity())
	}
	now := time.Now()
	q := newQueued(m, now, h.faults.clockSkew(), h.opts.DefaultTTL)
	if len(q.id) > maxMessageID {
		return faultInvalid("The message-id has %d bytes, at most %d are allowed.", len(q.id), maxMessageID)
	}
	if !m.Properties.AbsoluteExpiryTime.IsZero() && q.expires.Sub(now) > maxLife {
		return fault("com.microsoft:argument-error", codeBadExpiry, "The message would expire in more than %d days.", maxLife/(24*time.Hour))
	}
	return dev.queue.enqueue(q)
}
