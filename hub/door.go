package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
)

var (
	errCut     = errors.New("hub is cut off")
	errTooMany = errors.New("too many connections")
	errStopped = errors.New("hub has stopped")
)

// door is the listener and the sockets that came through it. Cut shuts it and
// restore opens it again on the same port.
type door struct {
	addr string // host:port, known from the first listen on
	port int    // 0 in memory
	max  int

	mu       sync.Mutex
	listener net.Listener  // nil while cut or stopped
	moved    chan struct{} // closed and replaced when listener changes
	sockets  map[*socket]struct{}
	shut     bool
	stopped  bool
	full     bool // said so; until half of the places are free again
}

func openDoor(listen string, limit int) (*door, error) {
	d := &door{addr: listen, max: limit, moved: make(chan struct{}), sockets: make(map[*socket]struct{})}
	ln, err := d.open()
	if err != nil {
		return nil, err
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
		d.port = tcp.Port
	}
	d.addr, d.listener = ln.Addr().String(), ln
	return d, nil
}

func (d *door) open() (net.Listener, error) {
	if d.addr == listenNone {
		return newMemoryListener(), nil
	}
	ln, err := net.Listen("tcp", d.addr)
	if err != nil {
		return nil, fmt.Errorf("hub listener: %w", err)
	}
	return ln, nil
}

// serve hands every accepted socket to its own call of serve until ctx ends,
// and waits for these calls.
func (d *door) serve(ctx context.Context, log *slog.Logger, serve func(context.Context, *socket)) {
	stop := context.AfterFunc(ctx, d.close)
	defer stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	defer d.close()
	for failures, accepts := 0, 0; ; {
		ln, moved := d.current()
		if ln == nil {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return
			}
		}
		conn, err := ln.Accept()
		switch {
		case err == nil:
			failures = 0
			accepts++
			s := &socket{Conn: conn, number: accepts}
			calls.Go(func() { serve(ctx, s) })
		case errors.Is(err, net.ErrClosed):
			select {
			case <-moved:
			case <-ctx.Done():
				return
			}
		default:
			if failures++; failures == 1 {
				log.Warn("hub cannot accept connections", "addr", d.addr, "error", err)
			}
			select {
			case <-time.After(min(time.Duration(failures)*5*time.Millisecond, time.Second)):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (d *door) current() (net.Listener, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listener, d.moved
}

func (d *door) enter(s *socket, log *slog.Logger) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopped:
		return errStopped
	case d.shut:
		return errCut
	case len(d.sockets) >= d.max:
		if !d.full {
			d.full = true
			log.Warn("hub takes no more connections", "connections", d.max)
		}
		return errTooMany
	}
	d.sockets[s] = struct{}{}
	return nil
}

func (d *door) leave(s *socket) {
	s.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sockets, s)
	d.full = d.full && len(d.sockets) > d.max/2
}

func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sockets)
}

func (d *door) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	d.drop()
}

func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.drop()
}

// drop closes the listener and all sockets. The sockets leave the set when the
// calls that serve them return.
func (d *door) drop() {
	if d.listener != nil {
		d.listener.Close()
		d.change(nil)
	}
	for s := range d.sockets {
		s.shut()
	}
}

func (d *door) change(ln net.Listener) {
	d.listener = ln
	close(d.moved)
	d.moved = make(chan struct{})
}

func (d *door) restore() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return errStopped
	}
	if !d.shut {
		return nil
	}
	ln, err := d.open()
	if err != nil {
		return err
	}
	d.change(ln)
	d.shut = false
	return nil
}

// serve does the handshakes on one socket, runs the connection until it ends and
// closes it.
func (h *Hub) serve(ctx context.Context, s *socket) {
	if err := h.door.enter(s, h.log); err != nil {
		s.Close()
		h.log.Debug("connection refused", "peer", s.RemoteAddr(), "error", err)
		return
	}
	defer h.door.leave(s)
	engine := h.engine
	if !h.faults.admitted(&accepted{ctx: ctx, socket: s, engine: &engine}) {
		return
	}
	c, err := h.admit(ctx, s)
	if err != nil {
		h.log.Debug("handshake failed", "peer", s.RemoteAddr(), "error", short(err.Error()))
		return
	}
	if err := amqpserver.Serve(ctx, c, engine); err != nil {
		h.log.Info("connection ended", "peer", s.RemoteAddr(), "error", short(err.Error()))
	}
}
