package hub

import (
	"bytes"
	"encoding/json"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const maxDescription = 1 << 10 // of a record a device sends, bytes

// deviceFeedback answers the link on which a device sends feedback itself. The
// address names no device: it is the one whose token the connection has.
func (p *peer) deviceFeedback(l *amqpserver.Link, text string) *wire.Error {
	id := p.onlyDevice()
	if id == "" {
		return faultUnauthorized(text)
	}
	a := address{deviceID: id, resource: resource{"devices", id, "messages", "servicebound", "feedback"}}
	return p.device(l, a, text, func(l *amqpserver.Link, d *device, _ *claim) {
		l.MaxMessageSize = maxTransfer
		l.Credit = requestRoom
		l.OnDelivery = func(delivery *amqpserver.Delivery) {
			if err := p.hub.feedback.receiveFrom(d, delivery); err != nil {
				delivery.Settle(wire.Rejected{Error: err})
				return
			}
			delivery.Settle(wire.Accepted{})
		}
	})
}

// onlyDevice returns the device that all tokens of the connection are for, or ""
// when there is none or more than one.
func (p *peer) onlyDevice() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	only := ""
	for _, g := range p.claims {
		id := g.resource.deviceID()
		if id == "" || only != "" && id != only {
			return ""
		}
		only = id
	}
	return only
}

// receiveFrom takes the records of one message of a device: all of them or none.
func (f *feedbackQueue) receiveFrom(d *device, delivery *amqpserver.Delivery) *wire.Error {
	if len(delivery.Payload) > maxQueuedSize {
		return faultSize(len(delivery.Payload), maxQueuedSize)
	}
	m, err := wire.ParseMessage(delivery.Payload)
	if err != nil {
		return faultDecode(err)
	}
	records, fault := readRecords(bodyOf(m), d)
	if fault != nil {
		return fault
	}
	for _, r := range records {
		f.add(r)
	}
	return nil
}

// readRecords reads an array of records, or one alone. The device may leave out
// what the hub knows, and says nothing about another device.
func readRecords(body []byte, d *device) ([]record, *wire.Error) {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '{' {
		body = append(append([]byte{'['}, body...), ']')
	}
	var records []record
	if err := json.Unmarshal(body, &records); err != nil || len(records) == 0 {
		return nil, faultInvalid("The body of a feedback message is a JSON array of records.")
	}
	for i := range records {
		r := &records[i]
		if r.DeviceID == "" {
			r.DeviceID = d.id
		}
		switch {
		case r.DeviceID != d.id:
			return nil, fault(wire.CondUnauthorizedAccess, codeUnauthorized, "A record is about device %.128s, not the sender.", r.DeviceID)
		case r.OriginalMessageID == "":
			return nil, faultInvalid("A record has no originalMessageId.")
		case len(r.OriginalMessageID) > maxMessageID || len(r.Description) > maxDescription:
			return nil, faultInvalid("An originalMessageId has at most %d bytes, a description %d.", maxMessageID, maxDescription)
		case !r.StatusCode.known():
			return nil, faultInvalid("The statusCode '%.40s' is not known.", r.StatusCode)
		}
		if r.Description == "" {
			r.Description = r.StatusCode.description()
		}
		at, err := time.Parse(time.RFC3339Nano, r.EnqueuedTimeUTC)
		switch {
		case r.EnqueuedTimeUTC == "":
		case err != nil:
			return nil, faultInvalid("The enqueuedTimeUtc '%.40s' is no time.", r.EnqueuedTimeUTC)
		default:
			r.EnqueuedTimeUTC = at.UTC().Format(timeFormat)
		}
		r.DeviceGenerationID = d.generation
	}
	return records, nil
}
