package hub

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// memoryBuffer is what one direction of a connection holds, in bytes.
const memoryBuffer = 64 << 10

// memoryPipe returns the two ends of a connection.
func memoryPipe() (client, server *memoryConn) {
	up, down := newStream(), newStream()
	return &memoryConn{in: down, out: up}, &memoryConn{in: up, out: down}
}

// memoryConn is one end.
type memoryConn struct {
	in, out               *stream
	readUntil, writeUntil deadline
}

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.read(b, &c.readUntil) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b, &c.writeUntil) }

// Close ends both directions: the peer reads what is under way and then EOF.
func (c *memoryConn) Close() error {
	c.in.end(true)
	c.out.end(false)
	return nil
}

// CloseWrite ends one direction: the peer reads what is under way and then EOF.
func (c *memoryConn) CloseWrite() error {
	c.out.end(false)
	return nil
}

// reset ends both directions, and the peer hears of nothing else any more.
func (c *memoryConn) reset() {
	c.in.end(true)
	c.out.reset()
}

func (c *memoryConn) LocalAddr() net.Addr  { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr{} }

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.readUntil.set(t)
	c.writeUntil.set(t)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error  { c.readUntil.set(t); return nil }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { c.writeUntil.set(t); return nil }

// stream is one direction.
type stream struct {
	mu       sync.Mutex
	buf      []byte
	ended    bool          // by the writer
	unwanted bool          // by the reader
	broken   bool          // by a reset of the writer's end
	changed  chan struct{} // closed and replaced at every change
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) end(byReader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if byReader {
		s.unwanted, s.buf = true, nil
	} else {
		s.ended = true
	}
	s.change()
}

func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.buf = true, nil
	s.change()
}

func (s *stream) read(b []byte, until *deadline) (int, error) {
	for {
		passed, moved := until.wait()
		select {
		case <-passed:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		s.mu.Lock()
		if s.unwanted {
			s.mu.Unlock()
			return 0, net.ErrClosed
		}
		if s.broken {
			s.mu.Unlock()
			return 0, syscall.ECONNRESET
		}
		if len(s.buf) > 0 || len(b) == 0 {
			n := copy(b, s.buf)
			s.buf = s.buf[n:]
			s.change()
			s.mu.Unlock()
			return n, nil
		}
		ended, changed := s.ended, s.changed
		s.mu.Unlock()
		if ended {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-passed:
		case <-moved:
		}
	}
}

func (s *stream) write(b []byte, until *deadline) (written int, err error) {
	for {
		passed, moved := until.wait()
		select {
		case <-passed:
			return written, os.ErrDeadlineExceeded
		default:
		}
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			return written, net.ErrClosed
		}
		if s.unwanted {
			s.mu.Unlock()
			return written, io.ErrClosedPipe
		}
		if n := min(len(b), memoryBuffer-len(s.buf)); n > 0 {
			s.buf = append(s.buf, b[:n]...)
			b, written = b[n:], written+n
			s.change()
		}
		changed := s.changed
		s.mu.Unlock()
		if len(b) == 0 {
			return written, nil
		}
		select {
		case <-changed:
		case <-passed:
		case <-moved:
		}
	}
}

// deadline is one of a connection's; the zero value never passes.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	passed chan struct{}
	moved  chan struct{}
}

// wait returns what is closed when the deadline passes and when it is moved.
func (d *deadline) wait() (passed, moved <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed == nil {
		d.passed, d.moved = make(chan struct{}), make(chan struct{})
	}
	return d.passed, d.moved
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.moved != nil {
		close(d.moved)
	}
	passed := make(chan struct{})
	d.passed, d.moved = passed, make(chan struct{})
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		close(passed)
	default:
		d.timer = time.AfterFunc(left, func() { close(passed) })
	}
}
