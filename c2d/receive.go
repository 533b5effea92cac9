package c2d

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// Doors: the ways by which commands come.
const (
	DoorDevicebound = "devicebound" // cloud-to-device messages
	DoorMethods     = "methods"     // direct methods
	DoorLocal       = "local"       // the technician's socket
)

const (
	lockFor    = 60 * time.Second // the hub's lock on a delivered message; not configurable there
	lockMargin = 5 * time.Second  // kept of the lock for the way of the settlement
	maxID      = 128              // bytes of a message-id, the hub's own limit
	maxMessage = 1 << 20          // bytes announced at attach: bounds what a peer can make us hold
)

// message is a delivery without its AMQP clothes.
type message struct {
	door       string // one of the Door constants
	fresh      bool   // it cannot have come before
	id         string // message-id as text, "" when the sender gave none
	seq        uint64
	enqueued   time.Time
	expires    time.Time
	deliveries int
	received   time.Time
	holdUntil  time.Time // a command that cannot begin is given back then
	lockUntil  time.Time // nobody waits for the outcome after that
	deadline   time.Time // of the action, when it is earlier than Options.Deadline
	ack        string    // application property iothub-ack

	hasCommand  bool // the application property "command" is there
	command     any  // its value
	body        []byte
	bodyProblem string // why there is no body to read
	problem     string // why this cannot be a command, whatever the body says
}

// delivery settles one message. Each method waits for the hub's answer.
type delivery interface {
	accept(ctx context.Context) error
	reject(ctx context.Context, condition, reason string) error
	release(ctx context.Context) error
}

// source hands out deliveries until its link ends.
type source interface {
	receive(ctx context.Context) (*message, delivery, error)
}

// receiver is the source that is an AMQP link.
type receiver struct{ link *amqp.Receiver }

// attach opens the receiver link of a device. The settlement mode is second:
// only then does the hub say that a lock was lost.
func attach(ctx context.Context, session *amqp.Session, deviceID string, credit int) (*receiver, error) {
	address := "/devices/" + url.PathEscape(deviceID) + "/messages/devicebound"
	link, err := session.NewReceiver(ctx, address, &amqp.ReceiverOptions{
		Credit:         int32(credit),
		SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
		MaxMessageSize: maxMessage,
	})
	if err != nil {
		return nil, fmt.Errorf("attach receiver %s: %w", address, err)
	}
	return &receiver{link}, nil
}

func (r *receiver) receive(ctx context.Context) (*message, delivery, error) {
	m, err := r.link.Receive(ctx, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("receive on %s: %w", r.link.Address(), err)
	}
	return newMessage(m, time.Now()), &locked{r.link, m}, nil
}

// locked is a delivery on an AMQP link.
type locked struct {
	link *amqp.Receiver
	m    *amqp.Message
}

func (d *locked) accept(ctx context.Context) error { return d.link.AcceptMessage(ctx, d.m) }

func (d *locked) reject(ctx context.Context, condition, reason string) error {
	return d.link.RejectMessage(ctx, d.m, &amqp.Error{Condition: amqp.ErrCond(condition), Description: reason})
}

func (d *locked) release(ctx context.Context) error { return d.link.ReleaseMessage(ctx, d.m) }

// newMessage takes out of an AMQP message what a command needs.
func newMessage(m *amqp.Message, received time.Time) *message {
	out := &message{door: DoorDevicebound, received: received}
	out.seq, _ = unsigned(m.Annotations["x-opt-sequence-number"])
	out.enqueued, _ = m.Annotations["iothub-enqueuedtime"].(time.Time)
	if n, ok := unsigned(m.Annotations["iothub-deliverycount"]); ok {
		out.deliveries = int(min(n, 1000))
	} else if m.Header != nil {
		out.deliveries = int(min(m.Header.DeliveryCount, 1000))
	}
	if p := m.Properties; p != nil {
		out.id, out.problem = messageID(p.MessageID)
		if p.AbsoluteExpiryTime != nil && p.AbsoluteExpiryTime.Unix() > 0 {
			out.expires = *p.AbsoluteExpiryTime
		}
	}
	if out.id == "" && out.seq == 0 {
		out.id = "tag-" + hex.EncodeToString(m.DeliveryTag)
		out.problem = "message has neither a message-id nor a sequence number: a redelivery could not be told from a new command"
	}
	out.ack, _ = m.ApplicationProperties["iothub-ack"].(string)
	out.command, out.hasCommand = m.ApplicationProperties["command"]
	out.body, out.bodyProblem = body(m)
	return out
}

// body joins the Data sections, or takes the bytes of an AMQP value.
func body(m *amqp.Message) ([]byte, string) {
	if len(m.Sequence) > 0 {
		return nil, "body is an AMQP sequence: want data sections, or a value that is a string or binary"
	}
	if len(m.Data) == 1 {
		return m.Data[0], ""
	}
	if len(m.Data) > 1 {
		var all []byte
		for _, d := range m.Data {
			all = append(all, d...)
		}
		return all, ""
	}
	switch v := m.Value.(type) {
	case nil, amqp.Null:
		return nil, ""
	case string:
		return []byte(v), ""
	case []byte:
		return v, ""
	default:
		return nil, fmt.Sprintf("body is an AMQP value of type %T: want a string or binary", v)
	}
}

// messageID writes any type of message-id as text (AMQP 1.0 Part 3 section
// 3.2.11). One that cannot be an identity is replaced by its hash, so that the
// message can still be rejected once and for all.
func messageID(v any) (id, problem string) {
	switch v := v.(type) {
	case nil:
		return "", ""
	case string:
		id = v
	case []byte:
		id = hex.EncodeToString(v)
	case uint64:
		id = strconv.FormatUint(v, 10)
	case amqp.UUID:
		id = v.String()
	default:
		id = fmt.Sprint(v)
	}
	if len(id) > maxID || !utf8.ValidString(id) {
		sum := sha256.Sum256([]byte(id))
		return "sha256-" + hex.EncodeToString(sum[:]), fmt.Sprintf("message-id has %d bytes or is not UTF-8: at most %d bytes", len(id), maxID)
	}
	return id, ""
}

// identity returns what makes two deliveries the same command, and a label for
// people and for the correlation-id of the result.
func identity(c store.Command) (key, label string) {
	if c.MessageID != "" {
		return "id:" + c.MessageID, c.MessageID
	}
	label = c.Door + "-" + strconv.FormatUint(c.Seq, 10)
	if !c.EnqueuedAt.IsZero() {
		label += "-" + strconv.FormatInt(c.EnqueuedAt.UnixMilli(), 10)
	}
	return "seq:" + label, label
}

// unsigned reads an integer of any width; hubs differ in the one they choose.
func unsigned(v any) (uint64, bool) {
	var i int64
	switch n := v.(type) {
	case uint64:
		return n, true
	case uint32:
		return uint64(n), true
	case uint16:
		return uint64(n), true
	case uint8:
		return uint64(n), true
	case int64:
		i = n
	case int32:
		i = int64(n)
	case int16:
		i = int64(n)
	case int8:
		i = int64(n)
	default:
		return 0, false
	}
	return uint64(max(i, 0)), i >= 0
}
