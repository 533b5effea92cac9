package hub

import (
	"time"

	"fieldpost/internal/amqpserver/wire"
)

const (
	maxQueued     = 50             // messages waiting for one device, locked ones included
	maxQueuedSize = 64 << 10       // bytes
	maxMessageID  = 128            // bytes, of the message-id as a text
	maxLife       = 48 * time.Hour // that a sender may ask for
)

// ackProperty asks for feedback: none (default), positive, negative or full.
const ackProperty = "iothub-ack"

// queued is one cloud-to-device message in the queue of its device.
type queued struct {
	message  *wire.Message // as sent, but for the header and annotations
	sequence uint64
	id       string
	ack      string
	enqueued time.Time // by the hub's clock; the other times are not
	expires  time.Time
	releases int // deliveries the device gave back

	locked bool
	lock   lockToken
	until  time.Time // locked: end of the lock; else the earliest delivery
}

// newQueued makes an entry of a message that came now; skew is what the hub's clock
// is fast by.
func newQueued(m *wire.Message, now time.Time, skew, ttl time.Duration) *queued {
	q := &queued{message: m, enqueued: now.Add(skew), expires: now.Add(ttl), until: now}
	if m.Properties == nil {
		m.Properties = &wire.Properties{}
	}
	q.id = idText(m.Properties.MessageID)
	// Some clients write a zero time of their own language: years before 1970.
	if at := m.Properties.AbsoluteExpiryTime; at.Year() > 1970 {
		q.expires = at.Add(-skew)
	} else {
		m.Properties.AbsoluteExpiryTime = time.Time{}
	}
	q.ack, _ = m.ApplicationProperties[ackProperty].(string)
	return q
}

// encode returns the message as it goes to the device under a lock.
func (q *queued) encode(to *device, lock lockToken) ([]byte, error) {
	m := *q.message
	m.Header, m.DeliveryAnnotations, m.Footer = nil, nil, nil
	m.Annotations = wire.Map{
		annotationSequence:  q.sequence,
		annotationTime:      q.enqueued,
		annotationDelivery:  uint8(min(q.releases, 255)),
		annotationLockToken: lock.String(),
	}
	p := *m.Properties
	p.To = to.path() + "/messages/deviceBound"
	m.Properties = &p
	return m.Marshal()
}

// asksFor reports whether the sender wants to hear of the end of the message.
func (q *queued) asksFor(s status) bool {
	switch q.ack {
	case "full":
		return true
	case "positive":
		return s == statusSuccess
	case "negative":
		return s != statusSuccess
	default:
		return false
	}
}
