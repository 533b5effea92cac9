package hub

import (
	"slices"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const (
	requestRoom = 100      // link credit, messages
	maxRequest  = 64 << 10 // bytes; a reply repeats the message-id
	maxReplies  = 64       // waiting for a receiver's credit, per node and connection; the oldest are dropped first
)

// Status codes of the request and reply nodes.
const (
	statusOK           int32 = 200
	statusBadRequest   int32 = 400
	statusUnauthorized int32 = 401
	statusNotFound     int32 = 404
	statusTooMany      int32 = 500
)

// responder is a request and reply node of one connection, such as $cbs. All its
// methods run on the connection's own goroutine.
type responder struct {
	receivers []*amqpserver.Link
	waiting   []reply
	sent      uint32 // replies, the delivery tag
}

// answer is what a node says to a request.
type answer struct {
	status      int32
	description string
	condition   wire.Symbol // of a refusal; "" leaves it out
	body        any
}

type reply struct {
	to      string
	payload []byte
}

// serve answers one of the node's links: replies go to those that receive, and
// handle answers the requests of those that send.
func (r *responder) serve(l *amqpserver.Link, handle func(*wire.Message) answer) {
	if !l.PeerSends() {
		r.receive(l)
		return
	}
	l.MaxMessageSize = maxTransfer
	l.Credit = requestRoom
	l.OnDelivery = func(d *amqpserver.Delivery) {
		if request := takeRequest(d, maxRequest); request != nil {
			r.reply(request, handle(request))
		}
	}
}

// takeRequest settles a request of at most limit bytes and returns it, or nil when
// it is rejected. It is settled before it is answered: Microsoft's C client takes a
// reply that overtakes the settlement for a failure.
func takeRequest(d *amqpserver.Delivery, limit int) *wire.Message {
	if len(d.Payload) > limit {
		d.Settle(wire.Rejected{Error: faultSize(len(d.Payload), limit)})
		return nil
	}
	request, err := wire.ParseMessage(d.Payload)
	if err != nil {
		d.Settle(wire.Rejected{Error: faultDecode(err)})
		return nil
	}
	d.Settle(wire.Accepted{})
	return request
}

// receive adds a link replies go to.
func (r *responder) receive(l *amqpserver.Link) {
	r.receivers = append(r.receivers, l)
	l.OnCredit = r.flush
	l.OnDetach = func() {
		r.receivers = slices.DeleteFunc(r.receivers, func(other *amqpserver.Link) bool { return other == l })
	}
}

// reply answers a request: the correlation-id is its message-id, type included,
// or absent when it had none.
func (r *responder) reply(request *wire.Message, a answer) {
	properties := &wire.Properties{}
	to := ""
	if request.Properties != nil {
		properties.CorrelationID = request.Properties.MessageID
		to = request.Properties.ReplyTo
	}
	m := &wire.Message{
		Properties: properties,
		ApplicationProperties: wire.Map{
			"status-code":        a.status,
			"status-description": a.description,
		},
		Value:    a.body,
		HasValue: true,
	}
	if a.condition != "" {
		m.ApplicationProperties["error-condition"] = a.condition
	}
	payload, err := m.Marshal()
	if err != nil {
		return
	}
	if len(r.waiting) >= maxReplies {
		r.waiting = r.waiting[1:]
	}
	r.waiting = append(r.waiting, reply{to: to, payload: payload})
	r.flush()
}

// flush sends the replies whose receiver has credit.
func (r *responder) flush() {
	r.waiting = slices.DeleteFunc(r.waiting, func(rep reply) bool {
		l := r.receiver(rep.to)
		if l == nil || l.Available() == 0 {
			return false
		}
		r.sent++
		return l.Send(rep.payload, amqpserver.SendOptions{Tag: countedTag(r.sent)}) == nil
	})
}

// receiver returns the link whose target is the reply-to address, else the
// newest.
func (r *responder) receiver(to string) *amqpserver.Link {
	for _, l := range r.receivers {
		if t := l.PeerAttach().Target; to != "" && t != nil && t.Address == to {
			return l
		}
	}
	if len(r.receivers) == 0 {
		return nil
	}
	return r.receivers[len(r.receivers)-1]
}

// countedTag is the delivery tag of the n-th message.
func countedTag(n uint32) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)} }
