package hub

import (
	"strings"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Annotations of twin requests and replies.
const (
	annotationOperation wire.Symbol = "operation"
	annotationResource  wire.Symbol = "resource"
	annotationStatus    wire.Symbol = "status"
	annotationVersion   wire.Symbol = "version"
)

// Resources of a twin.
const (
	resourceDesired       = "/properties/desired"
	resourceReported      = "/properties/reported"
	resourceNotifications = "/notifications/twin/properties/desired"
)

// maxTwinRequest bounds one request of a device, in bytes. JSON may take several
// times the size that counts.
const maxTwinRequest = 256 << 10

// twinReply is the answer to one request.
type twinReply struct {
	status  int32
	version int64 // of reported; 0 without
	body    []byte
}

// receive does one request of the device.
func (t *twin) receive(d *amqpserver.Delivery) {
	request := takeRequest(d, maxTwinRequest)
	if request == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links.sender != d.Link {
		return
	}
	t.reply(request, t.do(request))
}

// reply answers a request; the caller holds mu.
func (t *twin) reply(request *wire.Message, reply twinReply) {
	// Without a correlation-id a reply would look like a notification.
	if p := request.Properties; p != nil && p.CorrelationID != nil {
		annotations := wire.Map{annotationStatus: reply.status}
		if reply.version != 0 {
			annotations[annotationVersion] = reply.version
		}
		t.send(&wire.Message{
			Annotations: annotations,
			Properties:  &wire.Properties{CorrelationID: p.CorrelationID},
			Data:        [][]byte{reply.body},
		})
	}
}

// do does one request; the caller holds mu.
func (t *twin) do(m *wire.Message) twinReply {
	operation, _ := m.Annotations[annotationOperation].(string)
	of, _ := m.Annotations[annotationResource].(string)
	of = strings.TrimSuffix(of, "/")
	switch {
	case operation == "GET" && of == "":
		return twinReply{status: 200, body: encodeJSON(map[string]any{
			"desired":  t.desired.deviceView(),
			"reported": t.reported.deviceView(),
		})}
	case operation == "PATCH" && of == resourceReported:
		return t.report(bodyOf(m), m.Annotations[annotationVersion])
	case operation == "PUT" && of == resourceNotifications:
		t.subscribed = true
		return twinReply{status: 200}
	case operation == "DELETE" && of == resourceNotifications:
		t.subscribed = false
		return twinReply{status: 200}
	default:
		return refusal(refuseArgument("A twin has no operation '%.20s' on '%.100s'.", operation, of))
	}
}

// report merges a patch into the reported properties, if they still have the
// version the request names.
func (t *twin) report(patch []byte, version any) twinReply {
	if want, ok := integer(version); ok && want != t.reported.version {
		return refusal(refuse(codePrecondition, "The reported properties have version %d, not %d.", t.reported.version, want))
	}
	if _, err := t.reported.change(patch, false, t.clock()); err != nil {
		return refusal(err)
	}
	t.version++
	t.changed()
	return twinReply{status: 204, version: t.reported.version}
}

func refusal(err error) twinReply {
	e, ok := err.(*Error)
	if !ok {
		e = refuseArgument("%v", err)
	}
	return twinReply{status: int32(e.Status), body: []byte(e.JSON())}
}

// notify tells the device what has changed; the caller holds mu.
func (t *twin) notify(patch map[string]any) {
	t.send(&wire.Message{
		Annotations: wire.Map{
			annotationOperation: "PATCH",
			annotationResource:  resourceDesired,
			annotationVersion:   t.desired.version,
		},
		Properties: &wire.Properties{},
		Data:       [][]byte{encodeJSON(patch)},
	})
}

// send queues one message for the device. Of those its link has no credit for
// the oldest are dropped first; the caller holds mu.
func (t *twin) send(m *wire.Message) {
	payload, err := m.Marshal()
	if err != nil || t.links.receiver == nil {
		return
	}
	if len(t.waiting) >= maxReplies {
		t.waiting = t.waiting[1:]
	}
	t.waiting = append(t.waiting, payload)
	t.drain()
}

func (t *twin) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drain()
}

// drain sends what waits as far as there is credit; the caller holds mu.
func (t *twin) drain() {
	for len(t.waiting) > 0 && t.links.receiver != nil && t.links.receiver.Available() > 0 {
		t.sent++
		// An error is a message larger than the device takes, or a link that is
		// gone: nothing would change if the message stayed.
		_ = t.links.receiver.Send(t.waiting[0], amqpserver.SendOptions{Tag: countedTag(t.sent), Settled: true})
		t.waiting = t.waiting[1:]
	}
}
