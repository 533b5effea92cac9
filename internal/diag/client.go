package diag

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"fieldpost/internal/http1"
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
	Root   string        // of the file system where the agent may be installed as a service; default /
}

// NewClient makes a client of the socket at path. It connects at each call.
func NewClient(path string) *Client { return &Client{Path: path, Within: 15 * time.Second} }

// Status asks for the chain and the queue.
func (c *Client) Status(ctx context.Context) (answer Status, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/status", nil, &answer)
	return answer, err
}

// History asks for the last changes.
func (c *Client) History(ctx context.Context) (answer History, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/history", nil, &answer)
	return answer, err
}

// Sensors asks for every sensor.
func (c *Client) Sensors(ctx context.Context) (answer Sensors, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/sensors", nil, &answer)
	return answer, err
}

// ReadSensor has a sample of one sensor taken, and waits for it.
func (c *Client) ReadSensor(ctx context.Context, name string) (answer Sensors, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/sensors/read?"+url.Values{"name": {name}}.Encode(), nil, &answer)
	return answer, err
}

// Queue asks for the queue and what was lost.
func (c *Client) Queue(ctx context.Context) (answer QueueReport, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/queue", nil, &answer)
	return answer, err
}

// Commands asks for actions and journal.
func (c *Client) Commands(ctx context.Context) (answer Commands, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/commands", nil, &answer)
	return answer, err
}

// Flush has the queue written to disk and waits for it.
func (c *Client) Flush(ctx context.Context) (answer Flushed, err error) {
	err = c.call(ctx, http1.MethodPost, "/v1/flush", nil, &answer)
	return answer, err
}

// Contents asks for the routes there are.
func (c *Client) Contents(ctx context.Context) (answer Contents, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/", nil, &answer)
	return answer, err
}

// NoSensor is the answer to whoever asks for a sensor that is none of these.
func NoSensor(name string, there []string) error {
	return &AnswerError{http1.StatusNotFound, Problem{Message: fmt.Sprintf("no sensor %.64q", name), Hint: ThereAre(there, "[[sensor]]")}}
}

// AnswerError is what an agent said instead of an answer.
type AnswerError struct {
	Status int // of HTTP
	Problem
}

func (e *AnswerError) Error() string { return e.Message }

// Hint returns the agent's own hint.
func (e *AnswerError) Hint() string { return e.Problem.Hint }

// hinted is an error that knows the next move.
type hinted struct {
	error
	hint string
}

func (e hinted) Hint() string  { return e.hint }
func (e hinted) Unwrap() error { return e.error }

// call asks and reads the whole answer, as JSON into what answer points to. What is
// not nil of send goes along as JSON.
func (c *Client) call(ctx context.Context, method, path string, send, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	return c.ask(ctx, method, path, send, func(resp *http1.Response) error {
		body, err := readAnswer(resp)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, answer); err != nil {
			return &strangerError{err}
		}
		return nil
	})
}

// strangerError is an answer that no agent gives.
type strangerError struct{ error }

func (e *strangerError) Unwrap() error { return e.error }

// ask has the answer to one request read; what is read must be bounded. An answer
// that is not 200 is an AnswerError.
func (c *Client) ask(ctx context.Context, method, path string, send any, read func(*http1.Response) error) error {
	if err := CheckPath(c.Path); err != nil {
		return err
	}
	err := c.exchange(ctx, method, path, send, read)
	if err == nil {
		return nil
	}
	if ended := context.Cause(ctx); ended != nil {
		err = ended
	}
	return c.explain(err)
}

// exchange makes one connection, sends one request and reads its answer.
func (c *Client) exchange(ctx context.Context, method, path string, send any, read func(*http1.Response) error) error {
	req := http1.Request{Method: method, Target: path, Host: "agent"}
	if send != nil {
		body, err := json.Marshal(send)
		if err != nil {
			return err
		}
		req.Header, req.Body = http1.Header{"Content-Type": {"application/json"}}, body
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.Path)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := req.Write(conn); err != nil {
		return err
	}
	head := &io.LimitedReader{R: conn, N: maxHead}
	resp, err := http1.ReadResponse(bufio.NewReader(head), method)
	if err != nil {
		return err
	}
	head.N = math.MaxInt64
	if resp.Status == http1.StatusOK {
		return read(resp)
	}
	text, err := readAnswer(resp)
	if err != nil {
		return err
	}
	if resp.Status == http1.StatusRequestHeaderFieldsTooLarge { // said before anybody has read what is asked
		return &AnswerError{resp.Status, Problem{Message: "what was asked is longer than the agent reads", Hint: "give the name or id as it is listed"}}
	}
	answer := &AnswerError{Status: resp.Status}
	if json.Unmarshal(text, &answer.Problem) != nil || answer.Message == "" {
		return &strangerError{fmt.Errorf("it said %d %s", resp.Status, http1.StatusText(resp.Status))}
	}
	return answer
}

func readAnswer(resp *http1.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return body, err
}

// explain says what a failed call means to the person who made it.
func (c *Client) explain(err error) error {
	var op *net.OpError
	var answer *AnswerError
	var stranger *strangerError
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case errors.As(err, &answer), errors.As(err, new(*TakeError)):
		return err
	case errors.As(err, &stranger):
		return fmt.Errorf("no agent answers at %s: %w", c.Path, err)
	case dialing && !isSocket(c.Path):
		return hinted{&notSocketError{c.Path}, "remove it, and an agent that runs makes its socket; or name its --socket"}
	case dialing && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)):
		return hinted{fmt.Errorf("%w at %s: %w", ErrNoAgent, c.Path, op.Err), "start it with " + c.start() + ", or name its --socket"}
	case dialing && errors.Is(err, fs.ErrPermission):
		return hinted{fmt.Errorf("socket %s: %w", c.Path, op.Err), "run it as root or as a member of the socket's group"}
	case errors.Is(err, context.DeadlineExceeded):
		return hinted{fmt.Errorf("agent at %s did not answer within %v: %w", c.Path, c.Within, err), "look into the agent's log"}
	}
	return fmt.Errorf("ask agent at %s: %w", c.Path, err)
}

// start is what starts an agent here. Where it is installed as a service that is the
// only way: by hand it would run as another user.
func (c *Client) start() string {
	for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} {
		if _, err := os.Stat(filepath.Join(cmp.Or(c.Root, "/"), dir, "fieldpost.service")); err == nil {
			return "systemctl start fieldpost"
		}
	}
	return "agent run"
}

// notSocketError means that no agent can be asked at a path, whether one runs or not.
type notSocketError struct{ path string }

func (e *notSocketError) Error() string {
	return "no agent can be asked at " + e.path + ": what is there is no socket"
}

// Is says that nobody listens there.
func (*notSocketError) Is(target error) bool { return target == ErrNoAgent }

// isSocket reports whether path leads to a socket, as far as that can be told.
func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().Type() == fs.ModeSocket
}
