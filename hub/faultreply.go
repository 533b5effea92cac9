package hub

import (
	"cmp"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// disturbPutToken answers a put-token late, badly or never.
func disturbPutToken(a *activeFault, m *faultMessage) {
	m.disturb(a, func(request *wire.Message) {
		m.p.cbs.reply(request, answer{status: a.status, description: cmp.Or(a.description, "The hub refuses the token.")})
	})
}

// disturbTwin answers a device's request about its twin late, badly or never.
func disturbTwin(a *activeFault, m *faultMessage) {
	d := a.set.hub.registry.lookup(m.held.identity)
	m.disturb(a, func(request *wire.Message) {
		if d == nil {
			return
		}
		body := a.description
		if body == "" {
			body = describe(newTrackingID(), statusCode(a.status), "The hub refuses the request.")
		}
		d.twin.mu.Lock()
		defer d.twin.mu.Unlock()
		if d.twin.links.sender == m.l {
			d.twin.reply(request, twinReply{status: a.status, body: []byte(body)})
		}
	})
}

// statusCode is the code of the cloud's list that says most often what a status
// does.
func statusCode(status int32) int {
	for _, code := range []int{codeUnauthorized, codeQuotaExceeded, codeDeviceNotFound, codeThrottled, codeInternal, codeServerBusy, codeNoReply} {
		if code/1000 == int(status) {
			return code
		}
	}
	return int(status) * 1000
}

// disturb settles a request at once, and replies as the fault says: refuse in place
// of the hub where a status is named, late, or not at all.
func (m *faultMessage) disturb(a *activeFault, refuse func(*wire.Message)) {
	m.answer(wire.Accepted{})
	reply := func() { m.deal(nil) }
	if a.status != 0 {
		request, err := wire.ParseMessage(m.payload)
		if err != nil {
			return
		}
		reply = func() { refuse(request) }
	}
	switch {
	case a.never:
	case a.by > 0:
		time.AfterFunc(a.by, func() { m.p.conn.Do(reply) })
	default:
		reply()
	}
}
