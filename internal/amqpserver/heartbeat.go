package amqpserver

import (
	"errors"
	"os"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// heartbeatEvery returns after how much silence of ours an empty frame is due
// for a peer with the given idle-time-out: less than half of it (spec 2.4.5). 0
// means never.
func heartbeatEvery(peerIdle time.Duration) time.Duration { return peerIdle * 2 / 5 }

// source is the network as the reader sees it. Each time it is about to wait for
// the peer, what was queued so far is handed to the writer, so that the answers
// to many frames that came together leave together.
type source struct{ c *Conn }

// Read waits at most as long as the peer may be silent in this phase.
func (s source) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	c.out.corked = false
	if len(c.out.buf) > 0 {
		c.out.kick()
	}
	deadline := c.handshakeEnd
	switch c.phase {
	case phaseOpen:
		deadline = time.Time{}
		if c.opts.IdleTimeout > 0 {
			deadline = time.Now().Add(c.opts.IdleTimeout)
		}
	case phaseClosing:
		deadline = c.closeEnd
	}
	err := c.nc.SetReadDeadline(deadline)
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.nc.Read(p)
	c.mu.Lock()
	c.out.corked = true
	c.mu.Unlock()
	return n, err
}

// silent turns the read error of a peer that was silent for too long into what
// it is told.
func (c *Conn) silent(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseOpen {
		return err
	}
	return errorf(wire.CondConnectionForced,
		"the connection was inactive for more than the allowed %d milliseconds and is closed by container '%s'",
		c.opts.IdleTimeout.Milliseconds(), c.opts.ContainerID)
}
