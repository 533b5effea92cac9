package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

var (
	errNoCredit = errors.New("the hub takes no more messages: no credit")
	errStalled  = errors.New("a message could not be written to the connection")
)

// slowest is the slowest line whose transfers are given time to arrive, in bytes a
// second: 9600 bit/s.
const slowest = 1000

// airtime is how long size bytes take on the slowest line.
func airtime(size int) time.Duration { return time.Duration(size) * time.Second / slowest }

// abortAfter is how long a send may take to return once its context has ended.
const abortAfter = 5 * time.Second

// guard ends a send that takes too long. go-amqp heeds the context while it
// waits for credit, but no more once the message is on its way to a connection
// that does not take it: then only the end of the connection helps.
type guard struct {
	within time.Duration
	cancel context.CancelFunc
	conn   *connection // nil when the session does not come from a Link

	mu    sync.Mutex
	timer *time.Timer
	until time.Time // zero while no send is on
	fired bool      // the context was ended, the connection is next
}

func newGuard(ctx context.Context, cancel context.CancelFunc, within time.Duration) *guard {
	g := &guard{within: within, cancel: cancel}
	g.conn, _ = ctx.Value(connectionKey{}).(*connection)
	g.timer = time.AfterFunc(within, g.fire)
	g.timer.Stop()
	return g
}

func (g *guard) fire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.IsZero() || time.Now().Before(g.until) {
		return
	}
	if !g.fired {
		g.fired = true
		g.cancel()
		g.set(abortAfter)
		return
	}
	if g.conn != nil {
		g.conn.fail(fmt.Errorf("drain: %w within %s", errStalled, g.within))
	}
}

func (g *guard) set(d time.Duration) {
	g.until = time.Now().Add(d)
	g.timer.Reset(d)
}

// arm bounds a send of size bytes.
func (g *guard) arm(size int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(g.within + airtime(size))
}

func (g *guard) disarm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Time{}
	g.timer.Stop()
}

// sendError says why a send failed. A context that ended while the link was
// alive means that the hub gave no credit.
func sendError(ctx context.Context, err error) error {
	var remote *amqp.Error
	if errors.As(err, &remote) && remote.Condition == amqp.ErrCondTransferLimitExceeded && ctx.Err() != nil {
		return errNoCredit
	}
	return fmt.Errorf("send: %w", err)
}

// unsendable reports whether err is about the message and not about the link.
func unsendable(err error) bool {
	var (
		link    *amqp.LinkError
		session *amqp.SessionError
		conn    *amqp.ConnError
		remote  *amqp.Error
	)
	switch {
	case errors.As(err, &link), errors.As(err, &session), errors.As(err, &conn):
		return false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &remote):
		return remote.Condition == amqp.ErrCondMessageSizeExceeded
	default:
		return true
	}
}
