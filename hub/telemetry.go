package hub

import (
	"fmt"
	"maps"
	"strconv"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const (
	maxTransfer   = 1 << 20 // announced on the links devices and services send on, bytes
	maxTelemetry  = 256 << 10
	batchFormat   = 0x80013700
	telemetryRoom = 1000 // link credit, messages
)

// telemetryLink is one link a device sends telemetry on.
type telemetryLink struct {
	hub    *Hub
	device *device
	stamps wire.Map // what the hub vouches for in each message
}

// newTelemetryLink returns a link of d; the model id is "" without one.
func newTelemetryLink(h *Hub, d *device, authMethod, modelID string) *telemetryLink {
	stamps := wire.Map{
		annotationDeviceID:   d.id,
		annotationGeneration: d.generation,
		annotationAuthMethod: authMethod,
		annotationSource:     "Telemetry",
		annotationPartition:  d.id,
	}
	if d.module != "" {
		stamps[annotationModuleID] = d.module
	}
	if modelID != "" {
		stamps[annotationSchema] = modelID
	}
	return &telemetryLink{hub: h, device: d, stamps: stamps}
}

// openTelemetry answers a device's sender.
func (p *peer) openTelemetry(l *amqpserver.Link, d *device, c *claim) {
	modelID, _ := l.PeerAttach().Properties[wire.Symbol("com.microsoft:model-id")].(string)
	t := newTelemetryLink(p.hub, d, c.method(), modelID)
	l.MaxMessageSize = maxTransfer
	l.Credit = telemetryRoom
	l.OnDelivery = t.receive
}

// receive handles one transfer: a message, or a batch of messages with one
// outcome.
func (t *telemetryLink) receive(d *amqpserver.Delivery) {
	if len(d.Payload) > maxTelemetry {
		d.Settle(wire.Rejected{Error: faultSize(len(d.Payload), maxTelemetry)})
		return
	}
	messages, err := splitTransfer(d.Format, d.Payload)
	if err != nil {
		d.Settle(wire.Rejected{Error: faultDecode(err)})
		return
	}
	for _, m := range messages {
		t.stamp(m)
	}
	part := t.hub.events.of(t.device.id)
	decided := t.decide(part, messages)
	if logs(decided) {
		if err := part.append(messages); err != nil {
			d.Settle(wire.Rejected{Error: faultDecode(err)})
			return
		}
	}
	t.hub.log.Debug("telemetry", "device", t.device.id, "messages", len(messages), "bytes", len(d.Payload))
	switch s := decided.(type) {
	case rejection:
		d.Settle(wire.Rejected{Error: &wire.Error{Condition: wire.Symbol(s.condition), Description: s.description}})
	default:
		switch s {
		case Accept:
			d.Settle(wire.Accepted{})
		case Release:
			d.Settle(wire.Released{})
		case Modify:
			d.Settle(wire.Modified{DeliveryFailed: true})
		case DropConnection:
			d.Link.Conn().Abort()
		}
	}
}

// decide asks the outcome function about each event. A transfer has one outcome: the
// first that keeps events out of the log, or else the first that is not Accept.
func (t *telemetryLink) decide(part *partition, messages []*wire.Message) Settlement {
	if t.hub.opts.Outcome == nil {
		return Accept
	}
	decided := Settlement(Accept)
	for _, m := range messages {
		e := newEvent(t.device.id, part.id, m)
		e.SequenceNumber, e.Offset, e.Enqueued = -1, -1, t.hub.faults.now()
		switch s := t.hub.opts.Outcome(e); {
		case s == nil:
		case !logs(s):
			return s
		case decided == Accept:
			decided = s
		}
	}
	return decided
}

// stamp replaces what a device must not say about itself.
func (t *telemetryLink) stamp(m *wire.Message) {
	m.Header, m.DeliveryAnnotations, m.Footer = nil, nil, nil
	m.Annotations = keepAnnotations(m.Annotations)
	maps.Copy(m.Annotations, t.stamps)
}

// splitTransfer decodes the messages of one transfer.
func splitTransfer(format uint32, payload []byte) ([]*wire.Message, error) {
	outer, err := wire.ParseMessage(payload)
	if err != nil {
		return nil, err
	}
	return splitMessage(format, outer)
}

func splitMessage(format uint32, outer *wire.Message) ([]*wire.Message, error) {
	switch format {
	case 0:
		return []*wire.Message{outer}, nil
	case batchFormat:
		if len(outer.Data) == 0 {
			return nil, fmt.Errorf("batch without messages")
		}
		messages := make([]*wire.Message, 0, len(outer.Data))
		for i, data := range outer.Data {
			m, err := wire.ParseMessage(data)
			if err != nil {
				return nil, fmt.Errorf("message %d of the batch: %w", i, err)
			}
			messages = append(messages, m)
		}
		return messages, nil
	default:
		return nil, fmt.Errorf("message-format %#x is not known", format)
	}
}

func offsetText(offset int64) string { return strconv.FormatInt(offset, 10) }
