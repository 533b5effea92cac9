package c2d

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

const (
	feedbackAddress = "/messages/serviceBound/feedback"
	feedbackIn      = 3 * time.Second // attach, or one record: it keeps a settlement waiting
	feedbackTries   = 3               // failures in a row after which the link is given up
)

// feedbackSender is the link on which a device tells feedback itself, where a hub
// has one. Without it, and when it fails, the hub makes feedback from the
// settlement as hubs do.
type feedbackSender struct {
	mu     sync.Mutex
	link   *amqp.Sender // nil = not attached
	failed int          // in a row
	off    bool         // given up until the agent starts again
}

// feedbackRecord is one element of the body of a feedback message, as services
// read it.
type feedbackRecord struct {
	OriginalMessageID string `json:"originalMessageId"`
	StatusCode        string `json:"statusCode"`
	Description       string `json:"description"`
	DeviceID          string `json:"deviceId"`
	EnqueuedTimeUTC   string `json:"enqueuedTimeUtc"`
}

// openFeedback attaches the link and returns what closes it.
func (l *Loop) openFeedback(ctx context.Context, session *amqp.Session) (closed func()) {
	f := &l.sender
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return func() {}
	}
	attach, cancel := context.WithTimeout(ctx, feedbackIn)
	defer cancel()
	link, err := session.NewSender(attach, feedbackAddress, nil)
	if err != nil {
		l.feedbackFailed(err)
		return func() {}
	}
	f.link = link
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.link = nil
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := link.Close(ctx); err != nil {
			l.opt.Log.Debug("close sender", "link", feedbackAddress, "err", err)
		}
	}
}

// feedbackFailed gives the link up when the hub has refused it, or after a few
// failures of another kind. The caller holds mu.
func (l *Loop) feedbackFailed(err error) {
	f := &l.sender
	f.link = nil
	f.failed++
	if refused(err) || f.failed >= feedbackTries {
		f.off = true
		l.opt.Log.Warn("feedback link given up, the hub makes feedback from the settlement", "link", feedbackAddress, "err", err)
		return
	}
	l.opt.Log.Info("feedback link failed", "link", feedbackAddress, "err", err)
}

// refused tells the hub's no to a link or a record from the end of a session or
// connection.
func refused(err error) bool {
	var said *amqp.Error
	var session *amqp.SessionError
	var conn *amqp.ConnError
	return errors.As(err, &said) && !errors.As(err, &session) && !errors.As(err, &conn)
}

// tell sends the feedback on a command that is about to be settled, if its sender
// wants it. It is sent at most once, whatever becomes of it: not for an outcome
// that stood before, and not again after a failure. Its outcome is in the journal
// by now, and the settlement tells the hub the same.
func (l *Loop) tell(ctx context.Context, c *command, e ending) {
	if e.kind != decided || e.again || c.journal.MessageID == "" || !wanted(c.ack, e.outcome.Verdict) {
		return
	}
	f := &l.sender
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.link == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), feedbackIn)
	defer cancel()
	state, err := sendFor(ctx, f.link, l.feedback(c, e.outcome))
	if rejected, ok := state.(*amqp.StateRejected); ok {
		err = fmt.Errorf("record rejected: %w", rejected.Error)
	}
	if err != nil {
		l.feedbackFailed(err)
		return
	}
	f.failed = 0
}

// wanted reads iothub-ack.
func wanted(ack string, v store.Verdict) bool {
	return ack == "full" || ack == "positive" && v == store.Completed || ack == "negative" && v == store.Rejected
}

func (l *Loop) feedback(c *command, o store.Outcome) *amqp.Message {
	r := feedbackRecord{
		OriginalMessageID: c.journal.MessageID, StatusCode: "Success", Description: "Success",
		DeviceID: l.opt.DeviceID(), EnqueuedTimeUTC: l.opt.Clock.Now().Wall.UTC().Format("2006-01-02T15:04:05.0000000Z"),
	}
	if o.Verdict != store.Completed {
		r.StatusCode, r.Description = "Rejected", "Message rejected: "+o.Reason
	}
	b, _ := json.Marshal([]feedbackRecord{r}) // strings only: it cannot fail
	kind := "application/vnd.microsoft.iothub.feedback.json"
	return &amqp.Message{Properties: &amqp.MessageProperties{ContentType: &kind}, Data: [][]byte{b}}
}

// newUUID is a random UUID (RFC 9562 version 4).
func newUUID() string {
	var id amqp.UUID
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}
