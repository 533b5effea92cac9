package uplink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Opcodes of WebSocket frames.
const (
	frameContinuation = 0
	frameText         = 1
	frameBinary       = 2
	frameClose        = 8
	framePing         = 9
	framePong         = 10
)

const (
	frameFinal  = 0x80 // in the first byte
	frameMasked = 0x80 // in the second byte
	// maxControl is the longest payload of a control frame, in bytes.
	maxControl = 125
	// goodbye bounds the write of a close frame.
	goodbye = time.Second
)

var errFrame = errors.New("websocket: the peer breaks the protocol")

// socket is the client side of a WebSocket as a stream of bytes: what is written
// goes out as one binary message, and the borders of what comes in mean nothing.
// It is ours because the library for it brings the HTTP client and compression
// along, which are 340 kB of a program that shares a small card. Source: RFC 6455
// section 5.
type socket struct {
	net.Conn          // TLS
	raw      net.Conn // below TLS

	in   *bufio.Reader
	left uint64 // of the data frame that is read now
	more bool   // a message was begun whose last frame is not here yet

	writing sync.Mutex
	out     []byte
}

// NetConn returns the connection below TLS: closing it waits for nobody.
func (s *socket) NetConn() net.Conn { return s.raw }

// Read returns io.EOF once the peer has closed the WebSocket in order.
func (s *socket) Read(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if uint64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.in.Read(p)
	s.left -= uint64(n)
	return n, unexpected(err)
}

// next reads frames up to the payload of one that carries data.
func (s *socket) next() error {
	var b [8]byte
	if _, err := io.ReadFull(s.in, b[:2]); err != nil {
		return err
	}
	final, opcode, size := b[0]&frameFinal != 0, b[0]&0x0f, uint64(b[1]&^frameMasked)
	if b[0]&0x70 != 0 || b[1]&frameMasked != 0 {
		return fmt.Errorf("%w: reserved bits or a mask", errFrame)
	}
	switch size {
	case 126:
		if _, err := io.ReadFull(s.in, b[:2]); err != nil {
			return unexpected(err)
		}
		size = uint64(binary.BigEndian.Uint16(b[:2]))
	case 127:
		if _, err := io.ReadFull(s.in, b[:8]); err != nil {
			return unexpected(err)
		}
		size = binary.BigEndian.Uint64(b[:8])
	}
	switch {
	case opcode >= frameClose:
		if !final || size > maxControl {
			return fmt.Errorf("%w: control frame of %d bytes", errFrame, size)
		}
		return s.control(opcode, int(size))
	case opcode == frameBinary && s.more, opcode == frameContinuation && !s.more, opcode == frameText, opcode > frameBinary, size>>63 != 0:
		return fmt.Errorf("%w: frame with opcode %d", errFrame, opcode)
	}
	s.more, s.left = !final, size
	return nil
}

// control answers pings and the close.
func (s *socket) control(opcode byte, size int) error {
	payload := make([]byte, size)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return unexpected(err)
	}
	switch opcode {
	case framePing:
		return s.frame(framePong, payload)
	case framePong:
		return nil
	case frameClose:
		_ = s.frame(frameClose, payload)
		if size < 2 {
			return io.EOF
		}
		if code := binary.BigEndian.Uint16(payload); code != 1000 && code != 1001 {
			return fmt.Errorf("websocket: closed by the peer: %d %q", code, payload[2:])
		}
		return io.EOF
	}
	return fmt.Errorf("%w: frame with opcode %d", errFrame, opcode)
}

// Write sends p as one binary message.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.frame(frameBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *socket) frame(opcode byte, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := append(s.out[:0], frameFinal|opcode)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, frameMasked|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, frameMasked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, frameMasked|127), uint64(n))
	}
	mask := rand.Uint64()
	mask = mask<<32 | mask&0xffffffff
	b = binary.LittleEndian.AppendUint32(b, uint32(mask))
	head := len(b)
	b = append(b, payload...)
	veil(b[head:], mask)
	s.out = b
	_, err := s.Conn.Write(b)
	return err
}

// veil applies a mask, which is four bytes twice over.
func veil(b []byte, mask uint64) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^mask)
	}
	for i := range b {
		b[i] ^= byte(mask >> (8 * i))
	}
}

// Close says goodbye if nothing is being written, and closes. The answer to it is
// not waited for: AMQP has said its close before.
func (s *socket) Close() error {
	if s.writing.TryLock() {
		s.writing.Unlock()
		_ = s.Conn.SetWriteDeadline(time.Now().Add(goodbye))
		_ = s.frame(frameClose, []byte{1000 >> 8, 1000 & 0xff})
	}
	return s.Conn.Close()
}

// unexpected makes an end within a frame an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
