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
	Condition  string // AMQP error condition, e.g. "amqp:not-found"
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

// Hint says what to do about it, for the conditions a sender of commands meets;
// empty for the others.
func (e *HubError) Hint() string {
	switch {
	case e.Code == 403002:
		return "the hub's daily message quota is used up; it starts anew at 00:00 UTC"
	case e.Code == 403004, e.Condition == string(amqp.ErrCondResourceLimitExceeded):
		return "the device's queue is full (a hub keeps 50 messages per device): it must connect and settle some, or they must expire"
	case e.Code == 404001, e.Condition == string(amqp.ErrCondNotFound):
		return "the hub's registry has no such device, or it is disabled: mind upper and lower case"
	case e.Condition == string(amqp.ErrCondUnauthorizedAccess):
		return "the policy needs the right ServiceConnect, its key must be current and this machine's clock right"
	case e.Condition == string(amqp.ErrCondMessageSizeExceeded):
		return "a hub takes at most 64 KB to a device"
	case strings.Contains(e.Condition, "throttled"), strings.Contains(e.Condition, "server-busy"):
		return "the hub asks for patience: send more slowly"
	default:
		return ""
	}
}

// hubError makes a HubError of what the peer said. The description of a real
// hub is often JSON with a number in it, otherwise plain text.
func hubError(op string, e *amqp.Error) *HubError {
	if e == nil {
		return &HubError{Op: op, Condition: "rejected", Text: "without a reason"}
	}
	h := &HubError{Op: op, Condition: string(e.Condition), Text: e.Description}
	var said struct {
		ErrorCode  json.Number `json:"errorCode"`
		TrackingID string      `json:"trackingId"`
		Message    string      `json:"message"`
	}
	if err := json.Unmarshal([]byte(e.Description), &said); err == nil {
		if code, err := strconv.Atoi(said.ErrorCode.String()); err == nil {
			h.Code = code
		}
		h.TrackingID = said.TrackingID
		if said.Message != "" {
			h.Text = said.Message
		}
	}
	if h.TrackingID == "" {
		h.TrackingID, _ = e.Info["com.microsoft:tracking-id"].(string)
	}
	return h
}

// opError gives err the name of the operation; what the peer said becomes a *HubError.
func opError(op string, err error) error {
	var said *amqp.Error
	if errors.As(err, &said) {
		return hubError(op, said)
	}
	return fmt.Errorf("%s: %w", op, err)
}
