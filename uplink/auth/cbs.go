package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"
)

const (
	cbsNode      = "$cbs"
	cbsTokenType = "servicebus.windows.net:sastoken"
	// closeWithin bounds the end of the session of one exchange: its answer is
	// already known, and whoever owns the connection finds out when it is dead.
	closeWithin = 2 * time.Second
)

// RefusedError says that the hub answered a put-token request with a status
// other than 200 or 202.
type RefusedError struct {
	Status      int32  // as in HTTP: 401 wrong key, unknown device or token out of date
	Description string // the hub's words
}

// Error returns status and words.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("token refused: %d %s", e.Status, e.Description)
}

// Identity reports whether the refusal is about who we claim to be. All other
// refusals are troubles of the hub (5xx) or of the rate (429) and go away.
func (e *RefusedError) Identity() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != 408 && e.Status != 429
}

// PutToken hands a token for audience to the hub: one request to the $cbs node
// and its answer, over a session of its own that is ended again. A second token
// for the same audience replaces the first and disturbs no link. The error is a
// *RefusedError when the hub said no. Source: AMQP Claims-based Security 1.0 as
// IoT Hub speaks it.
func PutToken(ctx context.Context, conn *amqp.Conn, audience string, token Token) error {
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin session for %s: %w", cbsNode, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		_ = session.Close(ctx)
	}()
	receiver, err := session.NewReceiver(ctx, cbsNode, &amqp.ReceiverOptions{Credit: 10})
	if err != nil {
		return fmt.Errorf("attach receiver to %s: %w", cbsNode, err)
	}
	sender, err := session.NewSender(ctx, cbsNode, nil)
	if err != nil {
		return fmt.Errorf("attach sender to %s: %w", cbsNode, err)
	}
	id := messageID()
	to, replyTo := cbsNode, "cbs"
	err = sender.Send(ctx, &amqp.Message{
		Properties: &amqp.MessageProperties{MessageID: id, To: &to, ReplyTo: &replyTo},
		ApplicationProperties: map[string]any{
			"operation": "put-token",
			"type":      cbsTokenType,
			"name":      audience,
		},
		Value: token.Reveal(),
	}, nil)
	if err != nil {
		return fmt.Errorf("send token to %s: %w", cbsNode, err)
	}
	for {
		msg, err := receiver.Receive(ctx, nil)
		if err != nil {
			return fmt.Errorf("wait for the answer of %s: %w", cbsNode, err)
		}
		if err := receiver.AcceptMessage(ctx, msg); err != nil {
			return fmt.Errorf("settle the answer of %s: %w", cbsNode, err)
		}
		if msg.Properties != nil && msg.Properties.CorrelationID == id {
			return answer(msg)
		}
	}
}

func answer(msg *amqp.Message) error {
	status, ok := number(msg.ApplicationProperties["status-code"])
	if !ok {
		return fmt.Errorf("answer of %s has no status-code", cbsNode)
	}
	if status == 200 || status == 202 {
		return nil
	}
	words, _ := msg.ApplicationProperties["status-description"].(string)
	return &RefusedError{Status: status, Description: words}
}

// number accepts what hubs of other makes send for the int of the specification.
func number(v any) (int32, bool) {
	switch n := v.(type) {
	case int32:
		return n, true
	case int64:
		return int32(n), n >= 0 && n < 1000
	case uint32:
		return int32(n), n < 1000
	case uint16:
		return int32(n), true
	}
	return 0, false
}

func messageID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
