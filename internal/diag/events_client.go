package diag

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"fieldpost/internal/http1"
)

// maxEventLine is the longest line that a client takes, in bytes.
const maxEventLine = 256 << 10

// ErrAgentLeft is the end of a stream whose agent stopped, or broke it off.
var ErrAgentLeft = errors.New("the agent has ended the stream")

// Events follows what happens until ctx ends, take returns an error, or the agent
// goes: that is ErrAgentLeft. No types means all. opened is called when the agent
// has begun to answer and may be nil. A silence of three heartbeats is an end too.
func (c *Client) Events(ctx context.Context, types []string, opened func(), take func(Event) error) error {
	path := "/v1/events"
	if len(types) > 0 {
		path += "?" + url.Values{"types": {strings.Join(types, ",")}}.Encode()
	}
	return c.lines(ctx, path, true, opened, func(line []byte) error {
		data, found := bytes.CutPrefix(line, []byte("data: "))
		if !found {
			return nil // of the other fields, all is in the data
		}
		var ev Event
		if err := json.Unmarshal(data, &ev); err != nil {
			return &strangerError{err}
		}
		if err := take(ev); err != nil {
			return &TakeError{err}
		}
		return nil
	})
}

// lines has every line of an answer taken, which has an end or not.
func (c *Client) lines(ctx context.Context, path string, endless bool, opened func(), take func([]byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(c.Within, func() { cancel(context.DeadlineExceeded) })
	defer idle.Stop()
	err := c.ask(ctx, http1.MethodGet, path, nil, func(resp *http1.Response) error {
		if opened != nil {
			opened()
		}
		scan := bufio.NewScanner(resp.Body)
		scan.Buffer(nil, maxEventLine)
		for scan.Scan() {
			idle.Stop() // take may wait for a person
			if err := take(scan.Bytes()); err != nil {
				return err
			}
			idle.Reset(3 * DefaultHeartbeat)
		}
		switch err := scan.Err(); {
		case err == nil && !endless:
			return nil
		case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
			return ErrAgentLeft
		default:
			return err
		}
	})
	if errors.Is(err, ErrAgentLeft) {
		return fmt.Errorf("agent at %s: %w", c.Path, ErrAgentLeft)
	}
	return err
}
