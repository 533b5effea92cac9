package diag

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrNoAgent means that nobody listens at the socket.
var ErrNoAgent = errors.New("no agent is running")

// What a client reads at most, in bytes.
const (
	maxAnswer = 16 << 20
	maxHead   = 64 << 10
)

// Client asks the agent at a socket, one connection per call.
type Client struct {
	Path   string
	Within time.Duration // longest time of a call; default 15 s
}

// NewClient makes a client of the socket at path. It connects at each call.
func NewClient(path string) *Client { return &Client{Path: path, Within: 15 * time.Second} }

// Status asks for the chain and the queue.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/v1/status")
}

// Sensors asks for every sensor.
func (c *Client) Sensors(ctx context.Context) (Sensors, error) {
	return call[Sensors](ctx, c, http.MethodGet, "/v1/sensors")
}

// Queue asks for the queue and what was lost.
func (c *Client) Queue(ctx context.Context) (QueueReport, error) {
	return call[QueueReport](ctx, c, http.MethodGet, "/v1/queue")
}

// Commands asks for actions and journal.
func (c *Client) Commands(ctx context.Context) (Commands, error) {
	return call[Commands](ctx, c, http.MethodGet, "/v1/commands")
}

// Flush has the queue written to disk and waits for it.
func (c *Client) Flush(ctx context.Context) (Flushed, error) {
	return call[Flushed](ctx, c, http.MethodPost, "/v1/flush")
}

// Contents asks for the routes there are.
func (c *Client) Contents(ctx context.Context) (Contents, error) {
	return call[Contents](ctx, c, http.MethodGet, "/v1/")
}

// AnswerError is what an agent said instead of an answer.
type AnswerError struct {
	Status int // of HTTP
	Problem
}

func (e *AnswerError) Error() string { return "agent: " + e.Message }

// Hint returns the agent's own hint.
func (e *AnswerError) Hint() string { return e.Problem.Hint }

// hinted is an error that knows the next move.
type hinted struct {
	error
	hint string
}

func (e hinted) Hint() string  { return e.hint }
func (e hinted) Unwrap() error { return e.error }

func call[T any](ctx context.Context, c *Client, method, path string) (T, error) {
	var answer T
	if err := CheckPath(c.Path); err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	status, body, err := c.exchange(ctx, method, path)
	switch {
	case err != nil:
		return answer, c.explain(err)
	case len(body) > maxAnswer:
		return answer, fmt.Errorf("answer at %s is larger than %d bytes", c.Path, maxAnswer)
	}
	if status != http.StatusOK {
		e := &AnswerError{Status: status}
		if json.Unmarshal(body, &e.Problem) != nil || e.Message == "" {
			return answer, fmt.Errorf("no agent answers at %s: it said %d %s", c.Path, status, http.StatusText(status))
		}
		return answer, e
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("no agent answers at %s: %w", c.Path, err)
	}
	return answer, nil
}

// exchange makes one connection, sends one request and reads its answer. It does
// without http.Transport, which logs what a stranger says unasked.
func (c *Client) exchange(ctx context.Context, method, path string) (status int, body []byte, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.Path)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() {
		if ended := ctx.Err(); err != nil && ended != nil {
			err = ended
		}
	}()
	req, err := http.NewRequest(method, "http://agent"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Close = true
	if err := req.Write(conn); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswer+maxHead)), req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	return resp.StatusCode, body, err
}

// explain says what a failed call means to the person who made it.
func (c *Client) explain(err error) error {
	var op *net.OpError
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case dialing && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)):
		return hinted{fmt.Errorf("%w at %s: %w", ErrNoAgent, c.Path, op.Err), "start it with agent run, or name its socket with --socket"}
	case dialing && errors.Is(err, fs.ErrPermission):
		return hinted{fmt.Errorf("socket %s: %w", c.Path, op.Err), "run it as root or as a member of the socket's group"}
	case errors.Is(err, context.DeadlineExceeded):
		return hinted{fmt.Errorf("agent at %s did not answer within %v: %w", c.Path, c.Within, err), "look into the agent's log"}
	}
	return fmt.Errorf("ask agent at %s: %w", c.Path, err)
}
