package amqpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// phase is how far a connection has come.
type phase byte

const (
	phaseHandshake phase = iota // until our open is queued
	phaseOpen
	phaseClosing // our close is queued; what comes is thrown away until the peer's
	phaseDead    // nothing more is written
)

// Conn is one connection.
type Conn struct {
	// Value is the handler's own state; the engine never touches it.
	Value any

	nc     net.Conn
	opts   Options
	in     *bufio.Reader
	frames *wire.FrameReader

	callbacks sync.Mutex // held around every callback; taken before mu, never under it
	met       bool       // the handler knows of this connection

	mu            sync.Mutex // guards everything below, and all of sessions and links
	phase         phase
	peer          *wire.Open
	maxFrame      uint32      // of the frames we write
	handshakeEnd  time.Time   // read deadline while in phaseHandshake
	closeEnd      time.Time   // deadline of reads and writes from phaseClosing on
	closeAsked    bool        // Close was called before our open
	closeError    *wire.Error // of our close
	peerClosed    bool        // the peer's close has come; it may hang up without reading ours
	fault         error       // why the connection was dropped
	sessions      map[uint16]*session
	links         int     // of all sessions
	channels      numbers // our channels
	reassembling  int     // bytes in unfinished incoming deliveries
	sending       int     // messages of ours, from Send to their end
	pending       int     // bytes of them not yet written
	refilled      []*Link // links that refused a Send for a limit of ours and take one again
	out           queue
	heartbeat     time.Duration // longest silence of ours; 0 = any
	sessionsBlock bool          // a session waits for room in the queue
	scratch       []byte        // of transferRoom
	misconduct    misconduct
}

// Serve runs one connection, TLS already around it, until it has ended, and
// closes nc. When ctx ends it closes the connection with amqp:connection:forced
// and waits at most CloseTimeout for the peer.
//
// It returns nil when both sides closed without an error; an error that wraps a
// *wire.Error when a close carried one; ctx's cause when ctx ended; otherwise
// what broke.
func Serve(ctx context.Context, nc net.Conn, opts Options) error {
	c := newConn(nc, opts)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		c.Close(&wire.Error{Condition: wire.CondConnectionForced, Description: "the server is stopping"})
	})
	err := c.run()
	if !stop() {
		<-stopped
		return context.Cause(ctx)
	}
	return err
}

func newConn(nc net.Conn, opts Options) *Conn {
	opts = opts.withDefaults()
	c := &Conn{
		nc:           nc,
		opts:         opts,
		maxFrame:     wire.MinMaxFrameSize,
		handshakeEnd: time.Now().Add(opts.HandshakeTimeout),
		sessions:     map[uint16]*session{},
		out:          queue{wake: make(chan struct{}, 1)},
	}
	c.in = bufio.NewReader(source{c})
	c.frames = wire.NewFrameReader(c.in, opts.MaxFrameSize)
	return c
}

func (c *Conn) run() error {
	err := c.handshake()
	if err != nil {
		c.hangUp()
	} else {
		err = c.exchange()
	}
	c.teardown()
	_ = c.nc.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil && !c.peerClosed {
		return c.fault
	}
	return err
}

// exchange runs the connection from the open frames on. The writer lives inside.
func (c *Conn) exchange() error {
	var writer sync.WaitGroup
	writer.Go(c.writeLoop)
	err := c.open()
	if err == nil {
		err = c.readLoop()
	}
	if refused, ok := err.(*wire.Error); ok {
		c.Close(refused)
		c.finishWriting()
		c.drain()
		err = fmt.Errorf("connection closed: %w", refused)
	}
	c.finishWriting()
	writer.Wait()
	return err
}

// hangUp ends a connection that never got as far as open, so that the peer can
// read what it was told.
func (c *Conn) hangUp() {
	c.mu.Lock()
	if end := time.Now().Add(c.opts.CloseTimeout); end.Before(c.handshakeEnd) {
		c.handshakeEnd = end
	}
	c.mu.Unlock()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.drain()
	}
}

// drain throws away what the peer still sends: closing a socket with unread
// bytes would reset it, and our last words with it.
func (c *Conn) drain() {
	_, _ = io.Copy(io.Discard, c.in)
}

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// NetConn returns the connection given to Serve, for its TLS state.
func (c *Conn) NetConn() net.Conn { return c.nc }

// PeerOpen returns the peer's open, nil while Authenticate runs. It must not be
// changed. Its properties, locales and capabilities are there during
// Handler.Opened only.
func (c *Conn) PeerOpen() *wire.Open {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Close ends the connection in order: our close with err (nil = none), then the
// peer's, then TCP. It returns at once. Before our open has been sent it takes
// effect after it, and during SASL it drops the connection. Only the first call counts.
func (c *Conn) Close(err *wire.Error) { c.closeWith(err) }

// closeWith is Close; it reports whether the peer's close is still to come.
func (c *Conn) closeWith(err *wire.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case phaseHandshake:
		if c.peer == nil {
			c.failLocked(errors.New("closed during the handshake"))
			return false
		}
		if !c.closeAsked {
			c.closeAsked, c.closeError = true, err
		}
	case phaseOpen:
		c.closeLocked(err)
		return true
	}
	return false
}

func (c *Conn) closeLocked(err *wire.Error) {
	c.send(0, &wire.Close{Error: err})
	if c.phase != phaseOpen {
		return
	}
	c.startClosing(err)
	c.out.kick()
}

// startClosing follows the close queued last: what is left of the connection,
// a write under way included, has CloseTimeout to finish.
func (c *Conn) startClosing(err *wire.Error) {
	c.phase = phaseClosing
	c.closeError = err
	c.closeEnd = time.Now().Add(c.opts.CloseTimeout)
	_ = c.nc.SetDeadline(c.closeEnd)
}

// Abort drops the TCP connection without a word.
func (c *Conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(errors.New("connection aborted"))
}

// failLocked drops the TCP connection because of err, without TLS's close
// notification: sending that may wait for the network.
func (c *Conn) failLocked(err error) {
	if c.phase == phaseDead {
		return
	}
	c.phase = phaseDead
	c.fault = err
	c.out.kick()
	if inner, ok := c.nc.(interface{ NetConn() net.Conn }); ok {
		_ = inner.NetConn().Close()
		return
	}
	_ = c.nc.Close()
}

// teardown ends what the peer left open and says so to the handler.
func (c *Conn) teardown() {
	c.callbacks.Lock()
	defer c.callbacks.Unlock()
	c.mu.Lock()
	c.phase = phaseDead
	for _, s := range c.sessions {
		c.endLinks(s)
	}
	c.sessions = map[uint16]*session{}
	c.mu.Unlock()
	if c.met {
		c.opts.Handler.Closed(c)
	}
}

// asError makes an AMQP error of what a handler returned.
func asError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return &wire.Error{Condition: wire.CondInternalError, Description: err.Error()}
}

func errorf(condition wire.Symbol, format string, args ...any) *wire.Error {
	return &wire.Error{Condition: condition, Description: fmt.Sprintf(format, args...)}
}
