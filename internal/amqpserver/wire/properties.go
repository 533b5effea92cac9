package wire

import (
	"fmt"
	"time"
)

// Header holds the transport headers of a message (spec 3.2.1).
type Header struct {
	Durable       bool
	Priority      uint8  // 0 is the lowest; 4 is written as absent and absent reads as 4
	TTL           uint32 // milliseconds; 0 is absent
	FirstAcquirer bool
	DeliveryCount uint32 // earlier attempts that failed
}

// Properties are the immutable properties of a message (spec 3.2.4). Zero values
// are absent. MessageID and CorrelationID are nil, string, uint64, UUID or []byte.
type Properties struct {
	MessageID          any
	UserID             []byte
	To                 string
	Subject            string
	ReplyTo            string
	CorrelationID      any
	ContentType        Symbol
	ContentEncoding    Symbol
	AbsoluteExpiryTime time.Time // milliseconds
	CreationTime       time.Time // milliseconds
	GroupID            string
	GroupSequence      uint32
	ReplyToGroupID     string
}

const defaultPriority = 4

func (h *Header) write(w *fieldWriter) {
	w.flag(h.Durable)
	if h.Priority == defaultPriority {
		w.null()
	} else {
		w.uint8(h.Priority)
	}
	w.nonzero(h.TTL)
	w.flag(h.FirstAcquirer)
	w.nonzero(h.DeliveryCount)
}

func (h *Header) read(f *fields) {
	f.bool(&h.Durable)
	f.uint8(&h.Priority)
	f.uint32(&h.TTL)
	f.bool(&h.FirstAcquirer)
	f.uint32(&h.DeliveryCount)
}

func (p *Properties) write(w *fieldWriter) {
	w.messageID(p.MessageID)
	w.binary(p.UserID)
	w.text(p.To)
	w.text(p.Subject)
	w.text(p.ReplyTo)
	w.messageID(p.CorrelationID)
	w.symbol(p.ContentType)
	w.symbol(p.ContentEncoding)
	w.timestamp(p.AbsoluteExpiryTime)
	w.timestamp(p.CreationTime)
	w.text(p.GroupID)
	w.nonzero(p.GroupSequence)
	w.text(p.ReplyToGroupID)
}

func (p *Properties) read(f *fields) {
	f.messageID(&p.MessageID)
	var user []byte
	if f.binary(&user) {
		p.UserID = append(make([]byte, 0, len(user)), user...)
	}
	f.string(&p.To)
	f.string(&p.Subject)
	f.string(&p.ReplyTo)
	f.messageID(&p.CorrelationID)
	f.symbol(&p.ContentType)
	f.symbol(&p.ContentEncoding)
	f.timestamp(&p.AbsoluteExpiryTime)
	f.timestamp(&p.CreationTime)
	f.string(&p.GroupID)
	f.uint32(&p.GroupSequence)
	f.string(&p.ReplyToGroupID)
}

func isMessageID(v any) bool {
	switch v.(type) {
	case nil, string, uint64, UUID, []byte:
		return true
	}
	return false
}

func (w *fieldWriter) messageID(v any) {
	if !isMessageID(v) {
		w.fail(fmt.Errorf("amqp: message-id of type %T", v))
		return
	}
	w.any(v)
}

func (f *fields) messageID(p *any) {
	f.any(p)
	if !isMessageID(*p) {
		f.fail(decodeErrorf("message-id of type %T", *p))
	}
}
