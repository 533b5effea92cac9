package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

// stopWithin bounds how long tenants may take to stop, and then the close.
const stopWithin = 2 * time.Second

var (
	errMoved  = errors.New("identity names another hub or device now")
	errClosed = errors.New("connection was closed")
)

// connection is one life of the AMQP connection.
type connection struct {
	link  *Link
	net   net.Conn
	meter *meter
	amqp  *amqp.Conn
	dog   *watchdog
	ended atomic.Int32            // sessions whose end was never answered
	drop  context.CancelCauseFunc // ends serve; set by it

	mu     sync.Mutex // one token at a time
	id     Identity
	minted time.Time   // monotonic
	stamp  clock.Stamp // the clock that dated the token
}

func (l *Link) connect(ctx context.Context, id Identity) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.OpTimeout)
	defer cancel()
	nc, err := l.opts.Dial(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", id.addr(), err)
	}
	m := newMeter(nc)
	conn, err := amqp.NewConn(ctx, m, &amqp.ConnOptions{
		HostName:     id.Host,
		IdleTimeout:  l.opts.IdleTimeout,
		WriteTimeout: l.opts.OpTimeout,
		SASLType:     amqp.SASLTypeAnonymous(),
	})
	if err != nil {
		cut(nc)
		return nil, fmt.Errorf("open AMQP connection to %s: %w", id.addr(), err)
	}
	return &connection{link: l, net: nc, meter: m, amqp: conn, dog: newWatchdog(l.tenants, m), id: id}, nil
}

// cut ends a connection without a word to the peer. The close of a TLS
// connection would first try to write, which a dead peer can delay.
func cut(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	_ = nc.Close()
}

func (c *connection) close() {
	t := time.AfterFunc(stopWithin, func() { cut(c.net) })
	defer t.Stop()
	_ = c.amqp.Close()
}

// authorize makes a token of the identity in use and puts it.
func (c *connection) authorize(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.link.opts.OpTimeout)
	defer cancel()
	token, stamp := c.id.Token, c.link.opts.Clock.Now()
	if !c.id.Key.IsZero() {
		token = c.id.Key.Sign(c.id.audience(), "", c.link.trust.expiry(stamp, c.link.opts.TokenLife))
	}
	minted := time.Now()
	if err := auth.PutToken(ctx, c.amqp, c.id.audience(), token); err != nil {
		return fmt.Errorf("authorize device %s: %w", c.id.DeviceID, err)
	}
	c.minted, c.stamp = minted, stamp
	return nil
}

// serve runs the tenants until ctx ends, the connection breaks or one of them
// finds it dead.
func (c *connection) serve(ctx context.Context) error {
	ctx, drop := context.WithCancelCause(ctx)
	defer drop(nil)
	c.drop = drop
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-c.amqp.Done():
			drop(c.amqp.Err())
		}
	})
	wg.Go(func() { c.renew(ctx) })
	wg.Go(func() { c.oversee(ctx) })
	for i, t := range c.link.tenants {
		wg.Go(func() { c.tenant(ctx, i, t) })
	}
	<-ctx.Done()
	end := time.AfterFunc(stopWithin, func() { cut(c.net) })
	defer end.Stop()
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return errClosed
}

// fail ends the connection at once: err says that it is of no more use.
func (c *connection) fail(err error) {
	c.drop(err)
	cut(c.net)
}
