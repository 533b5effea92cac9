package main

import (
	"net"
	"sync"
	"time"
)

const (
	mostConnections = 16
	writeWithin     = 30 * time.Second
)

// bounded is a listener with so many connections at a time as it has room for.
// The others wait in the kernel's own, bounded queue.
type bounded struct {
	net.Listener
	room chan struct{}
}

func newBounded(l net.Listener, most int) *bounded {
	return &bounded{l, make(chan struct{}, most)}
}

func (b *bounded) Accept() (net.Conn, error) {
	b.room <- struct{}{}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.room
		return nil, err
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-b.room })}, nil
}

// boundedConn gives every write its own deadline: a log may go on for days, but a
// client that does not read must not keep its place.
type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
