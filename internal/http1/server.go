package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// What a connection is still read for when its request was not taken whole, so
// that the answer arrives before the connection breaks.
const (
	lingerBytes  = 256 << 10
	lingerWithin = 500 * time.Millisecond
)

// Server answers one request on each connection.
type Server struct {
	// Handler answers. ctx ends with Serve's and when the client goes away after
	// its body was read.
	Handler func(ctx context.Context, w *Answer, r *Asked)

	HeadWithin    time.Duration // the head of a request must be there
	RequestWithin time.Duration // the whole request must be there
	AnswerWithin  time.Duration // the answer must be taken, counted from the head of the request; SetWriteDeadline moves it
	StopWithin    time.Duration // requests under way when ctx ends may finish
	MaxHead       int64         // bytes of the head
	MaxConns      int           // connections at once, beyond which those go that have not asked

	ConnContext func(context.Context, net.Conn) context.Context // optional
	Log         *slog.Logger
}

// Serve answers until ctx ends, then closes l and returns nil. It returns an error
// when l fails before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var open conns
	closing := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer closing()
	err := s.accept(ctx, l, &open)
	_ = l.Close()
	open.end(s.StopWithin)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener, open *conns) error {
	for wait := 5 * time.Millisecond; ; {
		conn, err := l.Accept()
		if err == nil {
			wait = 5 * time.Millisecond
			for !open.enter(conn, s.MaxConns) {
				select {
				case <-time.After(patience / 8):
				case <-ctx.Done():
					return conn.Close()
				}
			}
			open.serve(conn, func() { s.serve(ctx, conn, open) })
			continue
		}
		if ctx.Err() != nil || !passing(err) {
			return err
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, time.Second)
	}
}

// passing reports whether accepting may go well a little later.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// patience is how long a connection may be there without a whole request before it
// has to give its place to another, when all places are taken.
const patience = 100 * time.Millisecond

// conns are the connections that are open. When all places are taken, the oldest
// that has not asked yet gives way to a new one: whoever asks at once is answered,
// however many only sit there.
type conns struct {
	mu    sync.Mutex
	open  map[net.Conn]*place
	going sync.WaitGroup
}

type place struct {
	since  time.Time
	asking bool // the whole request is there, and is being answered
}

// enter takes one of so many places for conn, if need be that of somebody who only
// sits there.
func (c *conns) enter(conn net.Conn, places int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[net.Conn]*place{}
	}
	if len(c.open) >= places {
		var oldest net.Conn
		for other, p := range c.open {
			if !p.asking && time.Since(p.since) >= patience && (oldest == nil || p.since.Before(c.open[oldest].since)) {
				oldest = other
			}
		}
		if oldest == nil {
			return false
		}
		delete(c.open, oldest)
		_ = oldest.Close()
	}
	c.open[conn] = &place{since: time.Now()}
	return true
}

// asking has conn keep its place until it is answered.
func (c *conns) asking(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.open[conn]; p != nil {
		p.asking = true
	}
}

func (c *conns) serve(conn net.Conn, serve func()) {
	c.going.Go(func() {
		defer func() {
			_ = conn.Close()
			c.mu.Lock()
			delete(c.open, conn)
			c.mu.Unlock()
		}()
		serve()
	})
}

// end waits for all of them, and cuts them off when that takes too long. A handler
// that goes on nevertheless is left alone.
func (c *conns) end(patience time.Duration) {
	ended := make(chan struct{})
	go func() { c.going.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		c.mu.Lock()
		for conn := range c.open {
			_ = conn.Close()
		}
		c.mu.Unlock()
	}
}

func (s *Server) serve(ctx context.Context, conn net.Conn, open *conns) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.ConnContext != nil {
		ctx = s.ConnContext(ctx, conn)
	}
	// A read or write that fails ends the connection, and so does a deadline that
	// cannot be set because it is closed already.
	accepted := time.Now()
	_ = conn.SetReadDeadline(accepted.Add(s.HeadWithin))
	head := &io.LimitedReader{R: conn, N: s.MaxHead}
	in := bufio.NewReader(head)
	r, err := readHead(in)
	w := &Answer{conn: conn, header: Header{}}
	_ = conn.SetWriteDeadline(time.Now().Add(s.AnswerWithin))
	var bad *refusal
	switch {
	case err != nil && head.N <= 0:
		bad = &refusal{StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the head of the request has more than %d bytes", s.MaxHead)}
	case err != nil && !errors.As(err, &bad):
		return
	}
	if bad != nil {
		w.header.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(bad.status)
		_, _ = io.WriteString(w, bad.reason+"\n")
		w.finish()
		linger(conn, in)
		return
	}
	head.N = math.MaxInt64
	_ = conn.SetReadDeadline(accepted.Add(s.RequestWithin))
	w.old, w.bare = r.old, r.Method == MethodHead
	watch := &watch{conn: conn, in: in, gone: cancel}
	r.done = func() {
		open.asking(conn)
		watch.begin()
	}
	r.wanted = func() {
		if r.Header.Get("Expect") != "" && !r.old {
			_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	s.answer(ctx, w, r)
	watch.end()
	if !r.received {
		linger(conn, in)
	}
}

// answer has the request answered. A handler that panics ends its connection only.
func (s *Server) answer(ctx context.Context, w *Answer, r *Asked) {
	defer func() {
		if fault := recover(); fault != nil {
			s.Log.Error("a request was not answered", "method", r.Method, "path", r.URL.Path, "panic", fault)
		}
	}()
	s.Handler(ctx, w, r)
	w.finish()
}

// linger takes what the client still sends.
func linger(conn net.Conn, in io.Reader) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerWithin))
	_, _ = io.CopyN(io.Discard, in, lingerBytes)
}

// watch tells when the client goes away while its answer is made, or sends more than
// it should.
type watch struct {
	conn  net.Conn
	in    *bufio.Reader
	gone  func()
	ended chan struct{}
}

func (w *watch) begin() {
	w.ended = make(chan struct{})
	_ = w.conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(w.ended)
		// What comes behind its request must not hide that it goes away.
		_, _ = io.CopyN(io.Discard, w.in, lingerBytes)
		w.gone()
	}()
}

// end returns when the connection is no longer read.
func (w *watch) end() {
	if w.ended != nil {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
		<-w.ended
	}
}
