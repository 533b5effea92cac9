package hub

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// listenNone as Options.Listen means no socket: connections are in memory.
const listenNone = "none"

// memoryAddr is the address of both ends of a connection in memory.
type memoryAddr struct{}

func (memoryAddr) Network() string { return listenNone }
func (memoryAddr) String() string  { return listenNone }

// memoryListener accepts connections that never leave the process.
type memoryListener struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{dialed: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialed:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := memoryPipe()
	select {
	case l.dialed <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dial connects to a hub whose Options.Listen is "none". The connection is
// what TCP would be: TLS comes on top of it. Its buffers and deadlines work in
// the virtual time of testing/synctest.
func (h *Hub) Dial(ctx context.Context) (net.Conn, error) {
	ln, _ := h.door.current()
	if l, ok := ln.(*memoryListener); ok {
		return l.dial(ctx)
	}
	if h.door.addr != listenNone {
		return nil, fmt.Errorf("hub listens on %s, not in memory", h.door.addr)
	}
	return nil, errCut
}
