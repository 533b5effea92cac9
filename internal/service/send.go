package service

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/Azure/go-amqp"
)

// Values of C2D.Ack: which outcomes of the message the hub reports as feedback.
const (
	AckNone     = "none"     // nothing; the default
	AckPositive = "positive" // completed
	AckNegative = "negative" // rejected, expired, given up after too many deliveries
	AckFull     = "full"     // both
)

// C2D is one cloud-to-device message.
type C2D struct {
	DeviceID      string            // required
	MessageID     string            // feedback names it; at most 128 ASCII characters
	CorrelationID string            // for the device; optional
	ContentType   string            // MIME type of Body; optional
	Body          []byte            // at most 64 KB with the properties
	Properties    map[string]string // application properties; optional
	Ack           string            // one of the Ack constants; default AckNone
	Expiry        time.Time         // when the hub gives up; default the hub's own life time (1 h)
}

// senderLink is the link to the hub's queue, on a session of its own.
type senderLink struct {
	session *amqp.Session
	sender  *amqp.Sender
}

// Send queues m for its device and returns when the hub has said so. Errors:
// *HubError when the hub refuses, ErrNotQueued, ErrUnknown, and those of the
// connection.
func (c *Client) Send(ctx context.Context, m C2D) error {
	if m.DeviceID == "" {
		return fmt.Errorf("%w: message without a device id", ErrConfig)
	}
	switch m.Ack {
	case "", AckNone, AckPositive, AckNegative, AckFull:
	default:
		return fmt.Errorf("%w: ack %q is not none, positive, negative or full", ErrConfig, m.Ack)
	}
	op := "send to device " + m.DeviceID
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	if _, err := c.hub.fresh(ctx); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	link, err := c.senderLink(ctx)
	if err != nil {
		return opError(op, err)
	}
	receipt, err := link.sender.SendWithReceipt(ctx, m.message(), nil)
	if ctx.Err() != nil {
		// A message of several frames may have been cut off, and the peer
		// would take the next one for its rest.
		c.drop(link)
		return fmt.Errorf("%s: the hub takes no message now (no link credit): %w", op, ctx.Err())
	}
	if linkLost(err) {
		c.drop(link)
	}
	if err != nil {
		return opError(op, err)
	}
	state, err := receipt.Wait(ctx)
	if linkLost(err) {
		c.drop(link)
		return fmt.Errorf("%w: %w", opError(op, err), ErrUnknown)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", op, ErrUnknown, err)
	}
	switch s := state.(type) {
	case *amqp.StateAccepted:
		return nil
	case *amqp.StateRejected:
		return hubError(op, s.Error)
	default:
		return fmt.Errorf("%s: %w: outcome %T", op, ErrNotQueued, state)
	}
}

// message encodes m the way the service SDKs do.
func (m C2D) message() *amqp.Message {
	to := "/devices/" + url.PathEscape(m.DeviceID) + "/messages/devicebound"
	msg := amqp.NewMessage(m.Body)
	msg.Properties = &amqp.MessageProperties{To: &to}
	if m.MessageID != "" {
		msg.Properties.MessageID = m.MessageID
	}
	if m.CorrelationID != "" {
		msg.Properties.CorrelationID = m.CorrelationID
	}
	if m.ContentType != "" {
		msg.Properties.ContentType = &m.ContentType
	}
	if !m.Expiry.IsZero() {
		msg.Properties.AbsoluteExpiryTime = &m.Expiry
	}
	msg.ApplicationProperties = make(map[string]any, len(m.Properties)+1)
	for k, v := range m.Properties {
		msg.ApplicationProperties[k] = v
	}
	if m.Ack != "" {
		msg.ApplicationProperties["iothub-ack"] = m.Ack
	}
	return msg
}

// senderLink returns the link, attaching it when there is none.
func (c *Client) senderLink(ctx context.Context) (*senderLink, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sender != nil {
		return c.sender, nil
	}
	session, err := c.hub.session(ctx)
	if err != nil {
		return nil, err
	}
	sender, err := session.NewSender(ctx, "/messages/devicebound", nil)
	if err != nil {
		endSession(c.opts.Timeout, session)
		return nil, err
	}
	c.sender = &senderLink{session: session, sender: sender}
	return c.sender, nil
}

// drop forgets a link that is of no more use; the next Send attaches a new one.
func (c *Client) drop(link *senderLink) {
	c.mu.Lock()
	mine := c.sender == link
	if mine {
		c.sender = nil
	}
	c.mu.Unlock()
	if mine {
		endSession(c.opts.Timeout, link.session)
	}
}

// endSession closes a session that is of no more use; it may be dead already.
func endSession(timeout time.Duration, s *amqp.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = s.Close(ctx)
}
