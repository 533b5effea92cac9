package uplink_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/uplink"
)

// bubble runs f in virtual time with a rig whose hub is in memory, at the end of a
// line, and whose link has the times of a real one.
func bubble(t *testing.T, f func(*testing.T, *rig, *line)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hub.Options{Listen: "none"})
		l := &line{hub: r.hub}
		o := &r.opts
		o.BackoffMin, o.BackoffMax, o.StableAfter, o.OpTimeout = 0, 0, 0, 0
		o.Dial = l.dial
		d := &r.dopts
		d.BackoffMin, d.BackoffMax, d.SettleWithin = 0, 0, 0
		f(t, r, l)
	})
}

// eventually is until for virtual time, where waiting costs nothing.
func (r *rig) eventually(within time.Duration, what string, cond func(uplink.LinkState) bool) uplink.LinkState {
	r.t.Helper()
	end := time.Now().Add(within)
	for {
		synctest.Wait()
		s := r.link.State()
		if cond(s) {
			return s
		}
		if !time.Now().Before(end) {
			r.t.Fatalf("%s did not come within %s: link %+v, drain %+v", what, within, s, r.drain.Stats())
		}
		time.Sleep(max(10*time.Millisecond, within/6000))
	}
}

// line is the network between a link and a hub in memory.
type line struct {
	hub *hub.Hub

	mu     sync.Mutex
	down   bool
	silent bool // a dial over a line that is down gets no answer
	dials  []time.Time
	conns  []*strand
	filter func(frame []byte) bool // false drops a frame of the hub
	hang   int                     // so many dials do not return before their strand is let go
	let    chan struct{}
	closed int // strands that were closed by the link
}

// dial connects with TLS, unless the line is down.
func (l *line) dial(ctx context.Context, id uplink.Identity) (net.Conn, error) {
	l.mu.Lock()
	l.dials = append(l.dials, time.Now())
	down, silent, hang := l.down, l.silent, l.hang > 0
	if hang {
		l.hang--
		if l.let == nil {
			l.let = make(chan struct{})
		}
	}
	let := l.let
	l.mu.Unlock()
	if hang {
		<-let
		ctx = context.Background()
	}
	if down && silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	}
	nc, err := l.hub.Dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &strand{Conn: nc, line: l, gone: make(chan struct{}), stuck: make(chan struct{}), closed: make(chan struct{})}
	l.mu.Lock()
	l.conns = append(l.conns, s)
	filter := l.filter
	l.mu.Unlock()
	c := tls.Client(s, &tls.Config{ServerName: id.Host, RootCAs: id.RootCAs, Time: time.Now})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	if filter == nil {
		return c, nil
	}
	return &frames{Conn: c, keep: filter}, nil
}

// cut takes the line down; connections end as on a reset.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, s := range l.conns {
		_ = s.Conn.Close()
	}
	l.conns = nil
}

// black takes the line down without an end to its connections, and says whether a
// dial hears anything.
func (l *line) black(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down, l.silent = true, silent
}

// restore ends a cut.
func (l *line) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down, l.silent = false, false
}

// swallow makes black holes of the connections there are: what is sent on them is
// gone, and nothing comes, not even their end.
func (l *line) swallow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.conns {
		s.hole.Do(func() { close(s.gone) })
	}
}

// clog lets the connections there are take no more bytes, as when the buffers of a
// peer that does not read are full: a write waits.
func (l *line) clog() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.conns {
		s.full.Do(func() { close(s.stuck) })
	}
}

func (l *line) dialed() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Time(nil), l.dials...)
}

// strand is one connection over the line.
type strand struct {
	net.Conn
	line    *line
	hole    sync.Once
	full    sync.Once
	closing sync.Once
	gone    chan struct{} // closed once nothing passes
	stuck   chan struct{} // closed once nothing is taken
	closed  chan struct{} // closed on our side

	mu      sync.Mutex
	until   time.Time
	writeBy time.Time
}

func (s *strand) swallowed() bool { return has(s.gone) }

func has(happened <-chan struct{}) bool {
	select {
	case <-happened:
		return true
	default:
		return false
	}
}

func (s *strand) Write(b []byte) (int, error) {
	switch {
	case s.swallowed():
		return len(b), nil
	case has(s.stuck):
		return 0, s.wait()
	}
	return s.Conn.Write(b)
}

// wait ends with the deadline of a write, or with the connection.
func (s *strand) wait() error {
	s.mu.Lock()
	by := s.writeBy
	s.mu.Unlock()
	var over <-chan time.Time
	if !by.IsZero() {
		over = time.After(time.Until(by))
	}
	select {
	case <-s.closed:
		return net.ErrClosed
	case <-over:
		return os.ErrDeadlineExceeded
	}
}

// Read of a black hole ends with its deadline or with the end of the connection
// on our side.
func (s *strand) Read(b []byte) (int, error) {
	for {
		n, err := s.Conn.Read(b)
		switch {
		case !s.swallowed():
			return n, err
		case err != nil && !errors.Is(err, io.EOF):
			return 0, err
		case err != nil:
			s.mu.Lock()
			until := s.until
			s.mu.Unlock()
			time.Sleep(time.Until(until))
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (s *strand) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	s.until = t
	s.mu.Unlock()
	return s.Conn.SetReadDeadline(t)
}

func (s *strand) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	s.writeBy = t
	s.mu.Unlock()
	return s.Conn.SetWriteDeadline(t)
}

func (s *strand) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

func (s *strand) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.line.mu.Lock()
		s.line.closed++
		s.line.mu.Unlock()
	})
	return s.Conn.Close()
}

// Codes of the performatives, as the last byte of their descriptors. Source: AMQP
// 1.0 part 2, section 2.7.
const (
	performAttach = 0x12
	performBegin  = 0x11
	performEnd    = 0x17
)

// frames reads whole AMQP frames and passes on those that keep wants.
type frames struct {
	net.Conn
	keep func(frame []byte) bool
	rest []byte
}

// performative is the code of a frame, 0 for a heartbeat and a protocol header.
func performative(frame []byte) byte {
	if len(frame) < 11 || string(frame[:4]) == "AMQP" {
		return 0
	}
	return frame[10]
}

// unanswered is a filter that lets no session begin while silent.
func unanswered(silent *atomic.Bool) func([]byte) bool {
	dropped := map[uint16]bool{}
	return func(f []byte) bool {
		if performative(f) == performBegin {
			dropped[channel(f)] = silent.Load()
		}
		return len(f) < 11 || !dropped[channel(f)]
	}
}

func channel(frame []byte) uint16 { return binary.BigEndian.Uint16(frame[6:]) }

func (f *frames) NetConn() net.Conn {
	if c, ok := f.Conn.(*tls.Conn); ok {
		return c.NetConn()
	}
	return f.Conn
}

func (f *frames) Read(b []byte) (int, error) {
	for len(f.rest) == 0 {
		frame := make([]byte, 8)
		if _, err := io.ReadFull(f.Conn, frame); err != nil {
			return 0, err
		}
		if string(frame[:4]) != "AMQP" {
			body := make([]byte, binary.BigEndian.Uint32(frame)-8)
			if _, err := io.ReadFull(f.Conn, body); err != nil {
				return 0, err
			}
			frame = append(frame, body...)
		}
		if f.keep(frame) {
			f.rest = frame
		}
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}
