package amqpserver

import (
	"fmt"
	"io"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// Protocol headers (spec 2.2, 5.3.2).
const (
	headerAMQP = "AMQP\x00\x01\x00\x00"
	headerSASL = "AMQP\x03\x01\x00\x00"
)

// minPeerIdle is the shortest idle-time-out of a peer that is served.
const minPeerIdle = 100 * time.Millisecond

// handshake exchanges protocol headers, with a SASL layer when the peer begins
// one. A peer with another header is told ours.
func (c *Conn) handshake() error {
	header, err := c.readHeader()
	if err != nil {
		return err
	}
	if header == headerSASL && len(c.opts.Mechanisms) > 0 {
		if err := c.sasl(); err != nil {
			return err
		}
		if header, err = c.readHeader(); err != nil {
			return err
		}
	}
	if err := c.write([]byte(headerAMQP)); err != nil {
		return err
	}
	if header != headerAMQP {
		return fmt.Errorf("peer speaks protocol %q", header)
	}
	return nil
}

func (c *Conn) readHeader() (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(c.in, b[:]); err != nil {
		return "", fmt.Errorf("reading protocol header: %w", err)
	}
	return string(b[:]), nil
}

// open exchanges the open frames, ours second.
func (c *Conn) open() error {
	peer, refused, err := c.readOpen()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.peer = peer
	c.mu.Unlock()
	if refused == nil {
		c.callbacks.Lock()
		c.met = true
		if err := c.opts.Handler.Opened(c); err != nil {
			refused = asError(err)
		}
		c.callbacks.Unlock()
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == phaseDead {
		return c.fault
	}
	c.peer = &wire.Open{ // without the parts only Opened may need, which can be large
		ContainerID:  peer.ContainerID,
		Hostname:     peer.Hostname,
		MaxFrameSize: peer.MaxFrameSize,
		ChannelMax:   peer.ChannelMax,
		IdleTimeout:  peer.IdleTimeout,
	}
	c.maxFrame = max(peer.MaxFrameSize, wire.MinMaxFrameSize)
	c.heartbeat = c.opts.Heartbeat(time.Duration(peer.IdleTimeout) * time.Millisecond)
	c.send(0, &wire.Open{
		ContainerID:  c.opts.ContainerID,
		Hostname:     c.opts.Hostname,
		MaxFrameSize: c.opts.MaxFrameSize,
		ChannelMax:   c.opts.ChannelMax,
		IdleTimeout:  uint32(max(0, c.opts.IdleTimeout.Milliseconds())),
	})
	if c.phase == phaseDead {
		return c.fault
	}
	c.phase = phaseOpen
	switch {
	case refused != nil:
		c.closeLocked(refused)
	case c.closeAsked:
		c.closeLocked(c.closeError)
	}
	return nil
}

// readOpen reads the peer's open. An error in refused can be sent to the peer,
// after our open.
func (c *Conn) readOpen() (peer *wire.Open, refused *wire.Error, err error) {
	for {
		f, err := c.frames.Next()
		if err != nil {
			return refuseOpen(err)
		}
		if f.Type == wire.FrameAMQP && len(f.Body) == 0 {
			continue
		}
		body, err := wire.ParseBody(f.Body)
		if err != nil {
			return refuseOpen(err)
		}
		peer, ok := body.(*wire.Open)
		if f.Type != wire.FrameAMQP || !ok {
			return refuseOpen(errorf(wire.CondFramingError, "first frame is no open"))
		}
		if idle := time.Duration(peer.IdleTimeout) * time.Millisecond; idle > 0 && idle < minPeerIdle {
			return peer, errorf(wire.CondInvalidField, "idle-time-out of %v, at least %v needed", idle, minPeerIdle), nil
		}
		return peer, nil, nil
	}
}

func refuseOpen(err error) (*wire.Open, *wire.Error, error) {
	if e, ok := err.(*wire.Error); ok {
		return &wire.Open{}, e, nil
	}
	return nil, nil, fmt.Errorf("reading open: %w", err)
}
