package hub

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// socket is one connection below TLS. It can be made to fail as networks do.
type socket struct {
	net.Conn
	number int // of all connections of the hub, from 1

	falls  sync.Mutex           // guards the setting of hole
	hole   atomic.Pointer[hole] // nil while the network works
	ending atomic.Bool          // our FIN is sent; what comes is thrown away
	closed atomic.Bool          // by the hub

	readUntil, writeUntil atomic.Int64 // deadlines, nanoseconds since 1970; 0 for none
}

// drop ends the connection: "fin" says so to the peer as a closed program does,
// anything else as a network that knows no such connection.
func (s *socket) drop(how string) {
	if how == "fin" {
		s.finish()
		return
	}
	switch c := s.Conn.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0) // a close is then a reset
	case *memoryConn:
		c.reset()
	}
	s.shut()
}

// dropWays are the values of drop, the usual one first.
var dropWays = []string{"rst", "fin"}

// finPatience is how long a peer may go on sending after our FIN. A socket that
// is closed with unread bytes is reset.
const finPatience = 5 * time.Second

func (s *socket) finish() {
	half, ok := s.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		s.shut()
		return
	}
	s.ending.Store(true)
	s.closed.Store(true)
	_ = s.Conn.SetReadDeadline(time.Now().Add(finPatience))
}

// shut closes the connection, also in a black hole.
func (s *socket) shut() {
	s.closed.Store(true)
	if h := s.hole.Load(); h != nil {
		h.end(s)
	}
	_ = s.Conn.Close()
}

func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if h := s.hole.Load(); h != nil {
		if failed := h.wait(&s.readUntil); failed != nil {
			return 0, failed
		}
	}
	for s.ending.Load() {
		if err != nil {
			return 0, io.EOF
		}
		_, err = s.Conn.Read(b)
	}
	return n, err
}

func (s *socket) Write(b []byte) (int, error) {
	if s.ending.Load() {
		return len(b), nil
	}
	for {
		h := s.hole.Load()
		if h == nil {
			return s.Conn.Write(b)
		}
		if h.keep(b) {
			return len(b), nil
		}
		if err := h.wait(&s.writeUntil); err != nil {
			return 0, err
		}
	}
}

// Close closes the connection. In a black hole the peer hears of it only when
// that ends.
func (s *socket) Close() error {
	s.closed.Store(true)
	if h := s.hole.Load(); h != nil && h.close() {
		return s.Conn.SetReadDeadline(time.Now())
	}
	return s.Conn.Close()
}

func (s *socket) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

func (s *socket) SetReadDeadline(t time.Time) error {
	s.keepDeadline(&s.readUntil, t)
	if s.ending.Load() {
		return nil
	}
	return s.Conn.SetReadDeadline(t)
}

func (s *socket) SetWriteDeadline(t time.Time) error {
	s.keepDeadline(&s.writeUntil, t)
	return s.Conn.SetWriteDeadline(t)
}

func (s *socket) keepDeadline(until *atomic.Int64, t time.Time) {
	if t.IsZero() {
		until.Store(0)
	} else {
		until.Store(t.UnixNano())
	}
	if h := s.hole.Load(); h != nil {
		h.moved()
	}
}
