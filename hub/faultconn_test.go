package hub_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// opened is a raw client with an open connection.
func (r *rig) opened(maxFrame, idle uint32) *wireClient {
	r.Helper()
	return r.openedOn(r.dial(), maxFrame, idle)
}

func (r *rig) openedOn(nc net.Conn, maxFrame, idle uint32) *wireClient {
	r.Helper()
	c := &wireClient{rig: r, Conn: r.tlsOn(nc)}
	c.header("AMQP\x00\x01\x00\x00")
	c.send(&wire.Open{ContainerID: "c", MaxFrameSize: maxFrame, ChannelMax: 10, IdleTimeout: idle})
	nextOf[*wire.Open](c)
	return c
}

// lastError keeps what a read below TLS ended with.
type lastError struct {
	net.Conn
	err error
}

func (c *lastError) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.err = err
	}
	return n, err
}

func TestFaultyDrop(t *testing.T) {
	for line, want := range map[string]error{"drop": syscall.ECONNRESET, "drop how=fin": io.EOF} {
		for name, run := range map[string]func(*testing.T, func(*testing.T, *rig)){
			"memory": func(t *testing.T, f func(*testing.T, *rig)) { faulty(t, f) },
			"tcp":    onTCP,
		} {
			run(t, func(t *testing.T, r *rig) {
				below := &lastError{Conn: r.dial()}
				c := r.openedOn(below, 65536, 0)
				id := r.inject(line)
				r.must(r.hub.AwaitFault(r.ctx, id, 1))
				_, err := c.Read(make([]byte, 1))
				if !errors.Is(below.err, want) {
					t.Errorf("%s, %s: %v, below TLS %v; want %v", name, line, err, below.err, want)
				}
				r.opened(65536, 0)
			})
		}
	}
}

// blindEnd hides the end of a connection from its reader.
type blindEnd struct {
	net.Conn
	closed chan struct{}
}

func (c *blindEnd) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		<-c.closed
	}
	return n, err
}

func (c *blindEnd) Close() error {
	close(c.closed)
	return c.Conn.Close()
}

// Behind its FIN the hub hears nothing, and does not wait for ever.
func TestFaultyFinIsTheEnd(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c, err := r.openOn(r.tlsOn(&blindEnd{r.dial(), make(chan struct{})}), nil)
		r.must(err)
		d := r.peer(c)
		d.cbs().put(r.hub.HostName()+"/devices/dev1", r.deviceToken("dev1", time.Hour))
		s := d.sender(telemetryAddress("dev1"))
		r.inject("drop how=fin")
		_, err = s.SendWithReceipt(r.ctx, text("x"), nil)
		r.must(err)
		time.Sleep(4 * time.Second)
		if n, open := r.hub.EventCount(), r.hub.Connections(); n != 0 || open != 1 {
			t.Errorf("%d events behind the end, %d connections", n, open)
		}
		time.Sleep(2 * time.Second)
		if open := r.hub.Connections(); open != 0 {
			t.Errorf("%d connections", open)
		}
	})
}

func TestFaultyDropOfOneDevice(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		r.device("dev2")
		one, two := r.asDevice("dev1"), r.asDevice("dev2")
		s := two.sender(telemetryAddress("dev2"))
		r.struck(r.inject("drop device=dev1"), 1)
		again := r.inject("drop device=dev1") // which has no connection any more
		r.struck(again, 0)
		r.hub.Heal(again)
		<-one.conn.Done()
		two.accepted(s, text("x"))
		r.struck(r.inject("drop connection=2"), 1)
		<-two.conn.Done()
		id := r.inject("drop device=dev1")
		r.struck(id, 0)
		two = r.asDevice("dev2")
		two.accepted(two.sender(telemetryAddress("dev2")), text("x"))
		one = r.asDevice("dev1")
		_, _ = one.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		<-one.conn.Done()
		r.struck(id, 1)
	})
}

func TestFaultyStall(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		r.inject("stall")
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		s := d.sender(telemetryAddress("dev1"))
		if err := s.Send(ctx, text("x"), nil); condition(err) != "amqp:link:transfer-limit-exceeded" {
			t.Errorf("sent without a flow: %v", err)
		}
		r.hub.Heal(1)
		d.accepted(s, text("x"))
	})
}

// A link that has credit stalls when it is used up.
func TestFaultyStallOfALinkInUse(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		r.inject("stall")
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		sent := 0
		for ; sent < 2000; sent++ {
			if err := s.Send(ctx, text("x"), nil); err != nil {
				break
			}
		}
		if sent != 1000 {
			t.Errorf("%d messages without a flow, want the credit of 1000", sent)
		}
		r.hub.Heal(1)
		d.accepted(s, text("x"))
	})
}

func TestFaultyHeartbeatsStop(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		begun := time.Now()
		d := r.asDevice("dev1")
		<-d.conn.Done()
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("noticed after %v, want go-amqp's idle time-out of 1m", took)
		}
		r.hub.Heal(1)
		d = r.asDevice("dev1")
		time.Sleep(10 * time.Minute)
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
	}, "no-heartbeat")
}

func TestFaultyCloseIsNeverAnswered(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c := r.opened(65536, 0)
		c.send(&wire.Close{})
		if body := c.next(); body != nil {
			t.Errorf("%T, want a heartbeat and no answer", body)
		}
		c.Conn.Close()
		r.hub.Heal(1)
		c = r.opened(65536, 0)
		c.send(&wire.Close{})
		nextOf[*wire.Close](c)
	}, "no-close")
}

func TestFaultyLinksAndSessionsAreNeverClosed(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		id := r.inject("no-close")
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close of a link: %v", err)
		}
		// The hub itself has done with the link and is as well as ever.
		other, err := d.conn.NewSession(r.ctx, nil)
		r.must(err)
		s, err = other.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		r.must(err)
		d.accepted(s, text("x"))
		ctx, cancel = context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if err := other.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close of a session: %v", err)
		}
		r.hub.Heal(id)
		other, err = d.conn.NewSession(r.ctx, nil)
		r.must(err)
		r.must(other.Close(r.ctx))
	})
}

func TestFaultyBytes(t *testing.T) {
	for _, line := range []string{"half-frame", "half-frame how=rst", "half-frame how=fin", "garbage", "garbage bytes=100000 seed=7"} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			s := d.sender(telemetryAddress("dev1"))
			d.accepted(s, text("x"))
			id := r.inject(line)
			r.struck(id, 1)
			<-d.conn.Done()
			t.Logf("%s: go-amqp says %v", line, d.conn.Err())
			again := r.asDevice("dev1")
			again.accepted(again.sender(telemetryAddress("dev1")), text("x"))
		})
	}
}

func TestFaultyHalfFrameAsBytes(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c := r.opened(65536, 30_000)
		r.inject("half-frame")
		c.send(&wire.Close{})
		head := make([]byte, 8)
		_, err := io.ReadFull(c, head)
		r.must(err)
		r.must(c.SetReadDeadline(time.Now().Add(time.Hour)))
		rest, err := io.ReadAll(c)
		if whole := int(head[3]); len(rest) == 0 || len(rest)+8 >= whole {
			t.Errorf("%d of %d bytes, then %v", len(rest)+8, whole, err)
		}
	})
}

func TestFaultyOversizedFrameAsBytes(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c := r.opened(600, 0)
		r.inject("oversized-frame")
		f := nextOf[*wire.Flow](c)
		if b, err := wire.AppendFrame(nil, wire.FrameAMQP, 0, f); err != nil || len(b) <= 600 {
			t.Errorf("frame of %d bytes, %v", len(b), err)
		}
		c.Close()
		synctest.Wait()
		r.opened(4294967295, 0) // takes any size: nothing is too large
		r.struck(r.inject("oversized-frame"), 0)
	})
}

func TestFaultyAccept(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		for range 2 {
			if n, err := r.dial().Read(make([]byte, 1)); err == nil {
				t.Errorf("read %d bytes of a refused connection", n)
			}
		}
		begun := time.Now()
		r.asDevice("dev1")
		if took := time.Since(begun); took != 7*time.Second {
			t.Errorf("accepted after %v", took)
		}
		r.struck(1, 2)
		r.struck(2, 1)
	}, "refuse count=2", "slow-accept by=7s")
}
