package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Azure/go-amqp"
)

// ErrUnknown marks a send whose outcome never came: the message may be queued or not.
var ErrUnknown = errors.New("no answer from the hub: the message may be queued or not")

// ErrNotQueued marks a send that the hub handed back without taking it (released
// or modified). Sending it again is safe.
var ErrNotQueued = errors.New("the hub handed the message back: it is not queued")

// HubError is a refusal in the hub's own words.
type HubError struct {
	Op         string // what was asked, with the thing it was asked on
	Condition  string // AMQP error condition, e.g. "amqp:not-found"; over HTTPS the status line
	Code       int    // the hub's number, e.g. 404001; 0 when it gave none
	Text       string // the hub's sentence; may be empty
	TrackingID string // for a support case; may be empty
}

// Error says what was refused and with which condition.
func (e *HubError) Error() string {
	s := e.Op + ": refused by the hub: " + e.Condition
	if e.Code != 0 {
		s += " " + strconv.Itoa(e.Code)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// unauthorized is the next move after a refused key or token.
const unauthorized = "the policy needs the right ServiceConnect, its key must be current and this machine's clock right"

// Hint says what to do about it, for the conditions a service meets;
// empty for the others.
func (e *HubError) Hint() string {
	switch {
	case e.Code == 403002:
		return "the hub's daily message quota is used up; it starts anew at 00:00 UTC"
	case e.Code == 403004, e.Condition == string(amqp.ErrCondResourceLimitExceeded):
		return "the device's queue is full (a hub keeps 50 messages per device): it must connect and settle some, or they must expire"
	case e.Code == 403009:
		return "the message would live too long: a hub keeps it two days at most"
	case e.Code == 404103:
		return "the device is not connected, or does not listen for methods: --connect-timeout waits for it"
	case e.Code == 404104:
		return "the device's connection ended before it replied: it may have done it"
	case e.Code == 504101:
		return "the device did not reply in time: it may have done it"
	case e.Code/1000 == 412:
		return "the twin was changed by somebody else: read it again"
	case e.Code/1000 == 401:
		return unauthorized
	case e.Code == 404001, e.Condition == string(amqp.ErrCondNotFound):
		return "the hub's registry has no such device, or it is disabled: mind upper and lower case"
	case e.Condition == string(amqp.ErrCondUnauthorizedAccess):
		return unauthorized
	case e.Condition == string(amqp.ErrCondMessageSizeExceeded):
		return "a hub takes at most 64 KB to a device"
	case strings.Contains(e.Condition, "throttled"), strings.Contains(e.Condition, "server-busy"):
		return "the hub asks for patience: send more slowly"
	default:
		return ""
	}
}

// eventRefusal is a refusal whose next move is another for readers of events.
type eventRefusal struct{ *HubError }

func (e *eventRefusal) Unwrap() error { return e.HubError }

// Hint says what to do about it.
func (e *eventRefusal) Hint() string {
	switch amqp.ErrCond(e.Condition) {
	case amqp.ErrCondStolen:
		return "another reader owns the partition: read in a consumer group of your own, or with a higher epoch"
	case amqp.ErrCondNotFound:
		return "a consumer group must be made before it is read in: hub serve --consumer-group NAME on a local hub"
	case amqp.ErrCondResourceLimitExceeded:
		return "five readers at most share a partition of a consumer group: end one, or read in another group"
	case "com.microsoft:argument-error":
		return "sequence numbers and offsets count in each partition by itself: name the partition they belong to"
	default:
		return e.HubError.Hint()
	}
}

// eventError is opError for readers of events.
func eventError(op string, err error) error {
	err = opError(op, err)
	if said, ok := err.(*HubError); ok {
		return &eventRefusal{said}
	}
	return err
}

// hubError makes a HubError of what the peer said. The description of a real
// hub is often JSON with a number in it, otherwise plain text.
func hubError(op string, e *amqp.Error) *HubError {
	if e == nil {
		return &HubError{Op: op, Condition: "rejected", Text: "without a reason"}
	}
	h := &HubError{Op: op, Condition: string(e.Condition), Text: e.Description}
	h.read(e.Description)
	if h.TrackingID == "" {
		h.TrackingID, _ = e.Info["com.microsoft:tracking-id"].(string)
	}
	return h
}

// read takes over what a description of a hub says, if it is one: JSON with a
// number in it.
func (e *HubError) read(description string) bool {
	var said struct {
		ErrorCode  json.Number `json:"errorCode"`
		TrackingID string      `json:"trackingId"`
		Message    string      `json:"message"`
	}
	if err := json.Unmarshal([]byte(description), &said); err != nil {
		return false
	}
	code, err := strconv.Atoi(said.ErrorCode.String())
	if err == nil {
		e.Code = code
	}
	e.TrackingID = said.TrackingID
	if said.Message != "" {
		e.Text = said.Message
	}
	return err == nil
}

// opError gives err the name of the operation; what the peer said becomes a *HubError.
func opError(op string, err error) error {
	var said *amqp.Error
	if errors.As(err, &said) {
		return hubError(op, said)
	}
	return fmt.Errorf("%s: %w", op, err)
}
