package uplink

import (
	"cmp"
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
	errMoved  = errors.New("identity names another hub, device or certificate now")
	errClosed = errors.New("connection was closed")
)

// connection is one life of the AMQP connection.
type connection struct {
	link  *Link
	net   net.Conn
	meter *meter
	peer  *framing // over meter: what amqp reads
	dog   *watchdog
	ended atomic.Int32 // sessions whose end was never answered
	amqp  *amqp.Conn
	at    place                   // where it was made to, when a redirect said so
	proof proof                   // of id, which never changes
	drop  context.CancelCauseFunc // ends serve; set by it

	putting chan struct{} // holds one while a token is put: one at a time

	mu     sync.Mutex
	id     Identity
	minted time.Time   // monotonic
	stamp  clock.Stamp // the clock that dated the token
}

// connect makes a connection over the first transport that works, to where a
// redirect has sent us, if one has.
func (l *Link) connect(ctx context.Context, id Identity, at place) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.OpTimeout)
	defer cancel()
	c := &connection{link: l, id: id, proof: id.proof(), at: at, putting: make(chan struct{}, 1)}
	if l.opts.Dial != nil {
		return c, c.open(ctx, func(ctx context.Context, id Identity) (net.Conn, error) {
			nc, err := l.opts.Dial(ctx, id)
			if err != nil {
				return nil, fmt.Errorf("dial %s: %w", id.addr(), err)
			}
			return nc, nil
		})
	}
	return c, l.route.each(ctx, func(ctx context.Context, transport string) error {
		err := c.open(ctx, func(ctx context.Context, id Identity) (net.Conn, error) { return l.route.dial(ctx, transport, id) })
		if err == nil {
			l.change(func(s *LinkState) { s.Transport = transport })
		}
		return err
	})
}

// open dials and opens the AMQP connection.
func (c *connection) open(ctx context.Context, dial func(context.Context, Identity) (net.Conn, error)) error {
	id := c.at.of(c.id)
	opts := &amqp.ConnOptions{
		HostName:     id.openHost(),
		IdleTimeout:  c.link.opts.IdleTimeout,
		MaxFrameSize: maxFrame,
		WriteTimeout: c.link.opts.OpTimeout + airtime(maxFrame),
	}
	switch c.proof {
	case proofCBS:
		opts.SASLType = amqp.SASLTypeAnonymous()
	case proofPlain:
		token := c.link.mint(id)
		c.minted, c.stamp = token.minted, token.stamp
		opts.SASLType = amqp.SASLTypePlain(id.plainUser(), token.Reveal())
	case proofCertificate: // no SASL layer: the handshake has said it
	}
	nc, err := dial(ctx, id)
	if err == nil {
		c.net, c.meter = nc, newMeter(nc)
		c.dog = newWatchdog(c.link.tenants, c.meter)
		c.peer = newFraming(c.meter, c.link.opts.IdleTimeout)
		if c.amqp, err = amqp.NewConn(ctx, c.peer, opts); err != nil {
			cut(nc)
			err = cmp.Or(c.peer.fault(), err)
			err = fmt.Errorf("open AMQP connection to %s: %w", id.addr(), id.explainOpen(err))
		}
	}
	return id.explainCertificate(err)
}

// minted is a token and when it was made.
type minted struct {
	auth.Token
	minted time.Time
	stamp  clock.Stamp
}

// mint makes a token, or takes the one that was given.
func (l *Link) mint(id Identity) minted {
	m := minted{Token: id.Token, minted: time.Now(), stamp: l.opts.Clock.Now()}
	if !id.Key.IsZero() {
		m.Token = id.Key.Sign(id.audience(), "", l.trust.expiry(m.stamp, l.opts.TokenLife))
	}
	return m
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

// authorize makes a token of the identity in use and puts it. An identity that
// was proven when the connection was made needs none.
func (c *connection) authorize(ctx context.Context) error {
	if c.proof != proofCBS {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.link.opts.OpTimeout)
	defer cancel()
	select {
	case c.putting <- struct{}{}:
		defer func() { <-c.putting }()
	case <-ctx.Done():
		return fmt.Errorf("authorize: the token before this one is still being put: %w", ctx.Err())
	}
	c.mu.Lock()
	id := c.at.of(c.id)
	c.mu.Unlock()
	token := c.link.mint(id)
	if err := auth.PutToken(ctx, c.amqp, id.audience(), token.Token); err != nil {
		return fmt.Errorf("authorize device %s: %w", id.DeviceID, id.explainToken(err, c.link.opts.Clock.Now()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.minted, c.stamp = token.minted, token.stamp
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
	if c.proof == proofCBS {
		wg.Go(func() { c.renew(ctx) })
	}
	wg.Go(func() { c.observe(ctx) })
	wg.Go(func() { c.oversee(ctx) })
	for i, t := range c.link.tenants {
		wg.Go(func() { c.tenant(ctx, i, t) })
	}
	<-ctx.Done()
	end := time.AfterFunc(stopWithin, func() { cut(c.net) })
	defer end.Stop()
	wg.Wait()
	if err := c.peer.fault(); err != nil {
		return err
	}
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
