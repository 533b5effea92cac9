package uplink_test

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// delayed is a connection on which everything arrives later by half a round trip.
// It holds what is under way, in pieces as they were written, 4096 of them.
type delayed struct {
	net.Conn
	half time.Duration
	out  chan piece
	in   chan piece

	rest []byte // of the piece that was read last
	err  error

	once sync.Once
	done chan struct{}
}

type piece struct {
	due  time.Time
	data []byte
	err  error
}

// delay adds rtt to the round trip of c.
func delay(c net.Conn, rtt time.Duration) net.Conn {
	d := &delayed{Conn: c, half: rtt / 2, out: make(chan piece, 1<<12), in: make(chan piece, 1<<12), done: make(chan struct{})}
	go func() {
		for {
			select {
			case p := <-d.out:
				time.Sleep(time.Until(p.due))
				if _, err := c.Write(p.data); err != nil {
					return
				}
			case <-d.done:
				return
			}
		}
	}()
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := c.Read(b)
			select {
			case d.in <- piece{time.Now().Add(d.half), bytes.Clone(b[:n]), err}:
			case <-d.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return d
}

func (d *delayed) Write(b []byte) (int, error) {
	select {
	case d.out <- piece{due: time.Now().Add(d.half), data: bytes.Clone(b)}:
		return len(b), nil
	case <-d.done:
		return 0, net.ErrClosed
	}
}

func (d *delayed) Read(b []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		select {
		case p := <-d.in:
			time.Sleep(time.Until(p.due))
			d.rest, d.err = p.data, p.err
		case <-d.done:
			return 0, net.ErrClosed
		}
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *delayed) Close() error {
	d.once.Do(func() { close(d.done) })
	return d.Conn.Close()
}
