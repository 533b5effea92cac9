package diag

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"fieldpost/internal/http1"
)

const (
	maxCommand     = 300 * time.Second // longest wait for the outcome of a command
	defaultCommand = 30 * time.Second
	ownWait        = 5 * time.Second // what goes on top for the way there and back
)

// commandOf reads the body of a command.
func commandOf(r request) (CommandRequest, error) {
	var c CommandRequest
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	const hint = `{"name":"ping","args":{}}`
	if err := d.Decode(&c); err != nil {
		return c, badRequest("body: "+err.Error(), hint)
	}
	if d.More() {
		return c, badRequest("body: more than one JSON value", hint)
	}
	if c.Name == "" {
		return c, badRequest("body: no name of a command", hint)
	}
	if c.WithinS == 0 {
		c.WithinS = defaultCommand.Seconds()
	}
	if c.WithinS < 1 || c.WithinS > maxCommand.Seconds() {
		return c, badRequest("body: within_s is not from 1 to 300", "")
	}
	return c, nil
}

// Command has a command carried out and waits for its outcome.
func (c *Client) Command(ctx context.Context, r CommandRequest) (answer CommandAnswer, err error) {
	patient := *c
	within := r.WithinS
	if within == 0 {
		within = defaultCommand.Seconds()
	}
	patient.Within = time.Duration(within*float64(time.Second)) + 2*ownWait
	err = patient.call(ctx, http1.MethodPost, "/v1/commands", r, &answer)
	return answer, err
}
