package amqpserver

import (
	"errors"
	"fmt"
	"io"

	"fieldpost/internal/amqpserver/wire"
)

// errClosed ends the read loop after the peer's close.
var errClosed = errors.New("closed")

// readLoop handles frame after frame until the connection ends. A *wire.Error
// is what the peer is to be told.
func (c *Conn) readLoop() error {
	for {
		f, err := c.frames.Next()
		if err != nil {
			return c.readError(err)
		}
		if err := c.handle(f); err != nil {
			return c.ending(err)
		}
	}
}

// readError says what a failed read means in this phase.
func (c *Conn) readError(err error) error {
	c.mu.Lock()
	closing, told := c.phase == phaseClosing, c.closeError
	c.mu.Unlock()
	switch {
	case closing && told != nil:
		return fmt.Errorf("connection closed, no answer from the peer: %w", told)
	case closing:
		return fmt.Errorf("connection closed, no answer from the peer: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("peer dropped the connection without a close")
	}
	return c.silent(err)
}

func (c *Conn) ending(err error) error {
	if err != errClosed {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeError != nil {
		return fmt.Errorf("connection closed: %w", c.closeError)
	}
	return nil
}

// handle does what one frame asks for. The callbacks it leads to run inside.
func (c *Conn) handle(f wire.Frame) error {
	if f.Type != wire.FrameAMQP {
		return errorf(wire.CondFramingError, "frame of type %d", f.Type)
	}
	if len(f.Body) == 0 {
		return nil
	}
	body, err := wire.ParseBody(f.Body)
	if err != nil {
		return err
	}
	c.callbacks.Lock()
	defer c.callbacks.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.runRefilled()
	if b, ok := body.(*wire.Close); ok {
		return c.peerClose(b)
	}
	if c.phase != phaseOpen {
		return nil
	}
	if f.Channel > c.opts.ChannelMax {
		return errorf(wire.CondFramingError, "channel %d, at most %d allowed", f.Channel, c.opts.ChannelMax)
	}
	if b, ok := body.(*wire.Begin); ok {
		return c.begin(f.Channel, b)
	}
	return c.dispatch(f.Channel, body)
}

func (c *Conn) peerClose(b *wire.Close) error {
	if c.misconduct.noClose {
		return nil
	}
	c.peerClosed = true
	if c.phase == phaseOpen {
		c.send(0, &wire.Close{})
		c.startClosing(b.Error)
	}
	return errClosed
}

// dispatch hands a frame to its session.
func (c *Conn) dispatch(channel uint16, body wire.Body) error {
	s := c.sessions[channel]
	if s == nil {
		switch body.(type) {
		case *wire.Detach, *wire.Disposition, *wire.End:
			return nil // of a session that has ended: a peer that closes twice
		}
		return errorf(wire.CondNotAllowed, "%T on channel %d, which has no session", body, channel)
	}
	if b, ok := body.(*wire.End); ok {
		s.peerEnd(b)
		return nil
	}
	if s.ended {
		return nil
	}
	switch b := body.(type) {
	case *wire.Attach:
		return s.attach(b)
	case *wire.Flow:
		s.flow(b)
	case *wire.Transfer:
		s.transfer(b)
	case *wire.Disposition:
		s.disposition(b)
	case *wire.Detach:
		s.detach(b)
	default:
		return errorf(wire.CondNotAllowed, "%T in an open connection", body)
	}
	return nil
}
