package wsserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Operation codes (RFC 6455, 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// Status codes of a close frame (RFC 6455, 7.4.1).
const (
	statusNormal      = 1000
	statusProtocol    = 1002
	statusUnsupported = 1003
)

const (
	maxControl = 125 // bytes in a control frame
	// controlTimeout is for one control frame: the deadline of the last write may
	// have passed long ago.
	controlTimeout = 10 * time.Second
	// keepBuffer is how large a write buffer may be to stay for the next write.
	keepBuffer = 32 << 10
)

// Conn is one WebSocket connection as a stream of bytes.
type Conn struct {
	nc net.Conn

	// Of the one goroutine that reads.
	in         *bufio.Reader
	left       uint64  // bytes of the frame that are not read yet
	mask       [4]byte // of the frame
	at         int     // place in mask of the next byte
	fragmented bool    // the message goes on in another frame
	ended      error   // what every later Read returns

	writing sync.Mutex // held for one frame
	out     []byte     // its buffer
	closed  bool       // our close frame is sent: nothing follows it
}

// Read reads what binary messages carry. It returns io.EOF after the client's
// close frame.
func (c *Conn) Read(p []byte) (int, error) {
	if c.ended != nil {
		return 0, c.ended
	}
	if len(p) == 0 {
		return 0, nil
	}
	for c.left == 0 {
		// A deadline that passes between two frames breaks nothing.
		if _, err := c.in.Peek(2); errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := c.next(); err != nil {
			c.ended = err
			return 0, err
		}
	}
	n, err := c.in.Read(p[:min(uint64(len(p)), c.left)])
	c.unmask(p[:n])
	c.left -= uint64(n)
	return n, err
}

func (c *Conn) unmask(p []byte) {
	for i := range p {
		p[i] ^= c.mask[c.at]
		c.at = (c.at + 1) & 3
	}
}

// next reads the header of the next frame, and the whole of a control frame.
func (c *Conn) next() error {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return err
	}
	final, op := head[0]&0x80 != 0, head[0]&0x0f
	masked, length := head[1]&0x80 != 0, uint64(head[1]&0x7f)
	switch {
	case head[0]&0x70 != 0:
		return c.fail(statusProtocol, "a reserved bit is set")
	case !masked:
		return c.fail(statusProtocol, "a frame is not masked")
	case op >= opClose && (!final || length > maxControl):
		return c.fail(statusProtocol, "a control frame is fragmented or too long")
	}
	switch length {
	case 126:
		if _, err := io.ReadFull(c.in, head[:2]); err != nil {
			return err
		}
		length = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		if _, err := io.ReadFull(c.in, head[:8]); err != nil {
			return err
		}
		if length = binary.BigEndian.Uint64(head[:]); length>>63 != 0 {
			return c.fail(statusProtocol, "the length of a frame is negative")
		}
	}
	if _, err := io.ReadFull(c.in, c.mask[:]); err != nil {
		return err
	}
	c.at = 0
	switch op {
	case opBinary, opContinuation:
		if c.fragmented != (op == opContinuation) {
			return c.fail(statusProtocol, "a frame is out of order")
		}
		c.fragmented, c.left = !final, length
		return nil
	case opText:
		return c.fail(statusUnsupported, "a text message where bytes are due")
	case opClose, opPing, opPong:
		return c.heed(op, int(length))
	default:
		return c.fail(statusProtocol, "the operation code is not known")
	}
}

// heed reads the rest of a control frame and answers it.
func (c *Conn) heed(op byte, length int) error {
	var room [maxControl]byte
	payload := room[:length]
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	c.unmask(payload)
	switch op {
	case opPing:
		return c.control(opPong, payload)
	case opClose:
		// Its status goes back as it came; the reason is for the one who reads logs.
		_ = c.control(opClose, payload[:min(length, 2)])
		return io.EOF
	default:
		return nil
	}
}

// fail tells the client what it did wrong.
func (c *Conn) fail(status uint16, reason string) error {
	_ = c.control(opClose, append(binary.BigEndian.AppendUint16(nil, status), reason...))
	return fmt.Errorf("websocket: %s", reason)
}

// Write sends p as one binary message.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.frame(opBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// control sends a control frame. After a close frame nothing is sent.
func (c *Conn) control(op byte, payload []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return nil
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(controlTimeout)); err != nil {
		return err
	}
	c.closed = op == opClose
	return c.frame(op, payload)
}

// frame writes one final frame; the caller holds writing.
func (c *Conn) frame(op byte, payload []byte) error {
	b := append(c.out[:0], 0x80|op)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	b = append(b, payload...)
	if c.out = b; cap(b) > keepBuffer {
		c.out = nil
	}
	_, err := c.nc.Write(b)
	return err
}

// CloseWrite sends a close frame: nothing can be written any more, and Read goes
// on until the client has answered.
func (c *Conn) CloseWrite() error {
	return c.control(opClose, binary.BigEndian.AppendUint16(nil, statusNormal))
}

// Close sends a close frame, unless a Write is under way, and closes the
// connection below. It waits for no answer.
func (c *Conn) Close() error {
	if c.writing.TryLock() {
		c.writing.Unlock()
		_ = c.CloseWrite()
	}
	return c.nc.Close()
}

// NetConn returns the connection below TLS, or the one given to Accept when there
// is no TLS. Closing it drops the client without a word.
func (c *Conn) NetConn() net.Conn {
	if inner, ok := c.nc.(interface{ NetConn() net.Conn }); ok {
		return inner.NetConn()
	}
	return c.nc
}

// LocalAddr returns the address of this side.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// SetDeadline sets both deadlines of the connection below.
func (c *Conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// SetReadDeadline sets the read deadline of the connection below.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline sets the write deadline of the connection below, until the
// next control frame.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }
