package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// The status codes of a FeedbackRecord.
const (
	StatusSuccess               = "Success"               // the device completed it
	StatusRejected              = "Rejected"              // the device rejected it
	StatusExpired               = "Expired"               // its time ran out
	StatusDeliveryCountExceeded = "DeliveryCountExceeded" // the device abandoned it too often
	StatusPurged                = "Purged"                // the device's queue was emptied
)

// ErrBadFeedback marks a feedback message that could not be read. It is settled
// as rejected; the next call of Next goes on with the message after it.
var ErrBadFeedback = errors.New("unreadable feedback")

// FeedbackRecord is the end of one cloud-to-device message. It never carries the
// reason of a rejection.
type FeedbackRecord struct {
	MessageID        string    // of the message this is about, as its sender gave it
	DeviceID         string    // where it went
	DeviceGeneration string    // tells a device from an earlier one of the same id
	Status           string    // one of the Status constants, or what the hub said
	Description      string    // the hub's words
	At               time.Time // when the outcome occurred; zero when the hub's text could not be read
}

// FeedbackReceiver takes records from the hub's feedback queue.
type FeedbackReceiver struct {
	hub      *connection
	session  *amqp.Session
	receiver *amqp.Receiver
}

// Feedback attaches to the feedback queue. Records made from now on wait for
// this receiver, unless another one takes them.
func (c *Client) Feedback(ctx context.Context) (*FeedbackReceiver, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	if _, err := c.hub.fresh(ctx); err != nil {
		return nil, err
	}
	session, err := c.hub.session(ctx)
	if err != nil {
		return nil, err
	}
	receiver, err := session.NewReceiver(ctx, "/messages/serviceBound/feedback", &amqp.ReceiverOptions{Credit: 1})
	if err != nil {
		endSession(c.opts.Timeout, session)
		return nil, opError("attach to feedback", err)
	}
	return &FeedbackReceiver{hub: c.hub, session: session, receiver: receiver}, nil
}

// Next waits for the next feedback message and returns its records, settled. A
// message that cannot be read is ErrBadFeedback.
func (f *FeedbackReceiver) Next(ctx context.Context) ([]FeedbackRecord, error) {
	var msg *amqp.Message
	err := f.hub.hold(ctx, func(ctx context.Context) (err error) {
		msg, err = f.receiver.Receive(ctx, nil)
		return err
	})
	if err != nil {
		return nil, opError("receive feedback", err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.hub.timeout)
	defer cancel()
	records, err := parseFeedback(bodyOf(msg))
	if err != nil {
		refusal := &amqp.Error{Condition: amqp.ErrCondDecodeError, Description: err.Error()}
		if err := f.receiver.RejectMessage(ctx, msg, refusal); err != nil {
			return nil, opError("settle feedback", err)
		}
		return nil, err
	}
	if err := f.receiver.AcceptMessage(ctx, msg); err != nil {
		return nil, opError("settle feedback", err)
	}
	return records, nil
}

// Close detaches from the feedback queue.
func (f *FeedbackReceiver) Close() error {
	endSession(f.hub.timeout, f.session)
	return nil
}

// parseFeedback reads a body of type application/vnd.microsoft.iothub.feedback.json.
// It forgives what hubs have been seen to send: one record without an array,
// numbers for texts, a missing status code.
func parseFeedback(body []byte) ([]FeedbackRecord, error) {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '{' {
		body = append(append([]byte{'['}, body...), ']')
	}
	var raw []struct {
		OriginalMessageID  text `json:"originalMessageId"`
		DeviceID           text `json:"deviceId"`
		DeviceGenerationID text `json:"deviceGenerationId"`
		StatusCode         text `json:"statusCode"`
		Description        text `json:"description"`
		EnqueuedTimeUTC    text `json:"enqueuedTimeUtc"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, fmt.Errorf("%w: %d bytes are not a JSON array of records: %w", ErrBadFeedback, len(body), err)
	}
	records := make([]FeedbackRecord, 0, len(raw))
	for _, r := range raw {
		rec := FeedbackRecord{
			MessageID:        string(r.OriginalMessageID),
			DeviceID:         string(r.DeviceID),
			DeviceGeneration: string(r.DeviceGenerationID),
			Status:           string(r.StatusCode),
			Description:      string(r.Description),
		}
		if rec.Status == "" {
			rec.Status = statusFrom(rec.Description)
		}
		rec.At = parseTime(string(r.EnqueuedTimeUTC))
		records = append(records, rec)
	}
	return records, nil
}

// statusFrom derives a missing status code from the description.
func statusFrom(description string) string {
	d := strings.ToLower(strings.ReplaceAll(description, " ", ""))
	for _, status := range []string{StatusSuccess, StatusRejected, StatusExpired, StatusDeliveryCountExceeded, StatusPurged} {
		if strings.Contains(d, strings.ToLower(status)) {
			return status
		}
	}
	return ""
}

// text takes any JSON scalar for a string.
type text string

// UnmarshalJSON keeps a string's content and any other value's JSON form; null is "".
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*t = text(s)
		return nil
	}
	*t = text(b)
	return nil
}

// parseTime reads RFC 3339 with or without a zone; zero when it is neither.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
