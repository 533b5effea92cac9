package amqpserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

func TestWrongHeader(t *testing.T) {
	for _, header := range []string{"HTTP/1.1", "AMQP\x00\x00\x09\x01", "AMQP\x02\x01\x00\x00", "AMQP\x03\x01\x00\x00"} {
		t.Run(header, func(t *testing.T) {
			p := raw(t, &node{}, amqpserver.Options{})
			p.write([]byte(header))
			p.header(header0)
			if _, err := p.next(); err != io.EOF {
				t.Fatalf("connection is not closed: %v", err)
			}
			if err := <-p.ended; err == nil {
				t.Fatal("no error")
			}
		})
	}
}

func TestSASLFaults(t *testing.T) {
	cases := []struct {
		name   string
		answer []byte
		code   any // of the outcome; nil = none comes
	}{
		{"mechanism not offered", frame(1, 0, described(0x41, sym("GSSAPI"))), byte(1)},
		{"refused", frame(1, 0, described(0x41, sym("PLAIN"), bin("\x00a\x00b"))), byte(1)},
		{"other frame", frame(1, 0, described(0x43, bin("x"))), nil},
		{"frame of AMQP", frame(0, 0, described(0x41, sym("PLAIN"))), nil},
		{"no frame", []byte{0, 0, 0, 1, 2, 1, 0, 0}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := &node{authenticate: func(string, []byte) error { return errors.New("no") }}
			p := raw(t, n, amqpserver.Options{Mechanisms: []wire.Symbol{"PLAIN"}})
			p.write([]byte("AMQP\x03\x01\x00\x00"))
			p.header("AMQP\x03\x01\x00\x00")
			p.expect(0x40)
			p.write(c.answer)
			if c.code != nil {
				p.same(p.expect(0x44), 0, "code", c.code)
			}
			if f, err := p.next(); err != io.EOF {
				t.Fatalf("%v, %v", f, err)
			}
		})
	}
}

// What ends the whole connection, with the condition the peer is told.
func TestConnectionErrors(t *testing.T) {
	tooLong := make([]byte, 600)
	cases := []struct {
		name, condition string
		bytes           []byte
	}{
		{"frame shorter than its header", "amqp:connection:framing-error", []byte{0, 0, 0, 7, 2, 0, 0, 0}},
		{"data offset below the header", "amqp:connection:framing-error", []byte{0, 0, 0, 8, 1, 0, 0, 0}},
		{"data offset behind the frame", "amqp:connection:framing-error", []byte{0, 0, 0, 8, 3, 0, 0, 0}},
		{"frame above max-frame-size", "amqp:connection:framing-error", frame(0, 0, tooLong)},
		{"announced size of 4 GiB", "amqp:connection:framing-error", []byte{255, 255, 255, 255, 2, 0, 0, 0}},
		{"SASL frame", "amqp:connection:framing-error", frame(1, 0, described(0x41, sym("PLAIN")))},
		{"frame of unknown type", "amqp:connection:framing-error", frame(7, 0, described(0x18))},
		{"channel above channel-max", "amqp:connection:framing-error", frame(0, 11, described(0x11, null, uint_(0), uint_(1), uint_(1)))},
		{"handle above handle-max", "amqp:connection:framing-error", frame(0, 0, described(0x12, str("x"), uint_(21), yes))},
		{"unknown performative", "amqp:decode-error", frame(0, 0, described(0x66))},
		{"no described list", "amqp:decode-error", frame(0, 0, []byte{0x41})},
		{"list cut short", "amqp:decode-error", frame(0, 0, []byte{0, 0x53, 0x12, 0xc0, 200, 3, 0x40})},
		{"count without items", "amqp:decode-error", frame(0, 0, []byte{0, 0x53, 0x12, 0xd0, 0, 0, 0, 4, 255, 255, 255, 255})},
		{"missing mandatory field", "amqp:decode-error", frame(0, 0, described(0x11))},
		{"field of another type", "amqp:decode-error", frame(0, 0, described(0x12, sym("x"), uint_(0), yes))},
		{"bytes behind the performative", "amqp:decode-error", frame(0, 0, append(described(0x17), 1))},
		{"second open", "amqp:not-allowed", frame(0, 0, described(0x10, str("x")))},
		{"second begin", "amqp:not-allowed", frame(0, 0, described(0x11, null, uint_(0), uint_(1), uint_(1)))},
		{"transfer without a session", "amqp:not-allowed", frame(0, 3, transfer(0, 0, "t", no, ""))},
		{"too many sessions", "amqp:resource-limit-exceeded", bytes.Join([][]byte{
			frame(0, 1, described(0x11, null, uint_(0), uint_(1), uint_(1))),
			frame(0, 2, described(0x11, null, uint_(0), uint_(1), uint_(1))),
		}, nil)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := &node{attach: func(*amqpserver.Link) error { return nil }}
			p := raw(t, n, amqpserver.Options{MaxFrameSize: 512, ChannelMax: 10, HandleMax: 20, MaxSessions: 2})
			p.open(512)
			p.begin(0, 1)
			p.write(c.bytes)
			if c.name == "too many sessions" {
				p.expect(0x11)
			}
			p.expectError(0x18, 0, c.condition)
			p.write(frame(0, 0, described(0x18)))
			_ = p.conn.Close()
			var e *wire.Error
			if err := <-p.ended; !errors.As(err, &e) || string(e.Condition) != c.condition {
				t.Fatalf("Serve: %v", err)
			}
			<-n.closed
		})
	}
}

// A peer that reads nothing is dropped, by the time of one write or by the size
// of the queue.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{}
		p := raw(t, n, amqpserver.Options{WriteTimeout: 20 * time.Second, IdleTimeout: -1})
		p.open(512)
		start := time.Now()
		p.send(0, described(0x11, null, uint_(0), uint_(1), uint_(1)))
		if err := <-p.ended; err == nil || time.Since(start) != 20*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		<-n.closed
	})
}

// Closing is not held up by a peer that does not read, whoever closes: by then a
// write is under way that has WriteTimeout.
func TestCloseWithPeerThatDoesNotRead(t *testing.T) {
	closing := map[string]func(*peer, context.CancelFunc){
		"the server stops": func(_ *peer, stop context.CancelFunc) { stop() },
		"the server stops, the peer reads one more frame": func(p *peer, stop context.CancelFunc) {
			stop()
			time.Sleep(time.Second)
			p.expect(0x11)
		},
		"the peer closes": func(p *peer, _ context.CancelFunc) { p.send(0, described(0x18)) },
	}
	for name, end := range closing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				p := rawUntil(ctx, t, &node{}, amqpserver.Options{CloseTimeout: 3 * time.Second})
				p.open(512)
				p.send(0, described(0x11, null, uint_(0), uint_(1), uint_(1))) // its answer is never read
				synctest.Wait()
				start := time.Now()
				end(p, stop)
				<-p.ended
				if took := time.Since(start); took != 3*time.Second {
					t.Fatalf("Serve ended %v after the close", took)
				}
			})
		})
	}
}

func TestQueueLimit(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error { return nil }}
	p := raw(t, n, amqpserver.Options{MaxQueue: 1})
	p.open(512)
	p.begin(0, 1)
	echo := frame(0, 0, described(0x13, null, uint_(1), uint_(0), uint_(1), null, null, null, null, no, yes))
	var err error
	for err == nil {
		_, err = p.conn.Write(echo)
	}
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "unread") {
		t.Fatalf("Serve: %v", err)
	}
}

// A stranger that sends nothing, or its open too slowly, is not waited for.
func TestHandshakeTimeout(t *testing.T) {
	for name, begin := range map[string]func(*peer){
		"nothing": func(*peer) {},
		"header":  func(p *peer) { p.write([]byte(header0)); p.header(header0) },
		"dribble": func(p *peer) {
			p.write([]byte(header0))
			p.header(header0)
			for range 3 {
				time.Sleep(9 * time.Second)
				p.write(frame(0, 0, nil))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := raw(t, &node{}, amqpserver.Options{})
				begin(p)
				if err := <-p.ended; err == nil || time.Since(start) != 30*time.Second {
					t.Fatalf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

func TestCloseByServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *amqpserver.Conn, 1)
		n := &node{opened: func(c *amqpserver.Conn) error { conns <- c; return nil }}
		p := raw(t, n, amqpserver.Options{})
		p.open(512)
		c := <-conns
		c.Close(&wire.Error{Condition: "test:bye"})
		c.Close(nil)
		p.expectError(0x18, 0, "test:bye")
		start := time.Now()
		p.send(0, described(0x11, null, uint_(0), uint_(1), uint_(1))) // crossed our close: thrown away
		if err := <-p.ended; err == nil || time.Since(start) != 5*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

// What Opened asks for comes behind our open.
func TestCloseInOpened(t *testing.T) {
	n := &node{opened: func(c *amqpserver.Conn) error {
		c.Close(&wire.Error{Condition: "test:full"})
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.expectError(0x18, 0, "test:full")
	p.send(0, described(0x18))
	var e *wire.Error
	if err := <-p.ended; !errors.As(err, &e) || e.Condition != "test:full" {
		t.Fatalf("Serve: %v", err)
	}
}

func TestAbort(t *testing.T) {
	conns := make(chan *amqpserver.Conn, 1)
	n := &node{opened: func(c *amqpserver.Conn) error { conns <- c; return nil }}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	c := <-conns
	if open := c.PeerOpen(); open.ContainerID != "raw" || open.Hostname != "localhost" || open.MaxFrameSize != 512 {
		t.Errorf("peer's open is %+v", open)
	}
	if c.NetConn() == nil || c.RemoteAddr() != c.NetConn().RemoteAddr() {
		t.Errorf("address %v", c.RemoteAddr())
	}
	c.Abort()
	if f, err := p.next(); err != io.EOF {
		t.Fatalf("%v, %v", f, err)
	}
	if err := <-p.ended; err == nil {
		t.Fatal("no error")
	}
}

func TestShortPeerIdle(t *testing.T) {
	p := raw(t, &node{}, amqpserver.Options{})
	p.write([]byte(header0))
	p.header(header0)
	p.send(0, described(0x10, str("raw"), null, null, null, uint_(1)))
	p.expect(0x10)
	p.expectError(0x18, 0, "amqp:invalid-field")
}

func TestBadOpen(t *testing.T) {
	for name, b := range map[string][]byte{
		"no open":      frame(0, 0, described(0x11, null, uint_(0), uint_(1), uint_(1))),
		"no container": frame(0, 0, described(0x10)),
		"SASL":         frame(1, 0, described(0x41, sym("PLAIN"))),
		"garbage":      []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			p := raw(t, &node{}, amqpserver.Options{})
			p.write([]byte(header0))
			p.header(header0)
			p.write(b)
			p.expect(0x10)
			if f := p.expect(0x18); f.at(0) == nil {
				t.Fatal("closed without an error")
			}
		})
	}
}
