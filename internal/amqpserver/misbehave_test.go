package amqpserver_test

import (
	"bytes"
	"io"
	"testing"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// tried serves one peer with a link it sends on, whose deliveries are accepted.
func tried(t *testing.T, o amqpserver.Options, credit uint32, deliver func(*amqpserver.Delivery)) (*peer, *amqpserver.Conn) {
	t.Helper()
	links := make(chan *amqpserver.Link, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = credit
		l.OnDelivery = deliver
		links <- l
		return nil
	}}
	p := raw(t, n, o)
	p.open(512)
	p.begin(0, 100)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	return p, (<-links).Conn()
}

func accept(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }

func TestWriteRawGoesBetweenFrames(t *testing.T) {
	p, c := tried(t, amqpserver.Options{}, 10, accept)
	odd := frame(0, 0, described(0x13, null, uint_(7), uint_(8), uint_(9)))
	c.WriteRaw(odd)
	p.same(p.expect(0x13), 1, "incoming-window", uint32(7))
	p.barrier(0)
	p.closes()
	c.WriteRaw(odd)
}

func TestWriteLastIsTheLast(t *testing.T) {
	p, c := tried(t, amqpserver.Options{}, 10, accept)
	written := make(chan struct{})
	c.WriteLast([]byte("half"), func() { close(written) })
	c.WriteLast([]byte("more"), nil)
	c.WriteRaw([]byte("more"))
	got := make([]byte, 4)
	if _, err := io.ReadFull(p.conn, got); err != nil || !bytes.Equal(got, []byte("half")) {
		t.Fatalf("read %q, %v", got, err)
	}
	<-written
	p.send(0, described(0x18))
	if rest, err := io.ReadAll(p.conn); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
}

func TestHoldClose(t *testing.T) {
	p, c := tried(t, amqpserver.Options{}, 10, accept)
	c.HoldClose(true)
	p.send(0, described(0x16, uint_(0), yes))
	p.barrier(0)
	p.send(0, described(0x17))
	p.send(0, described(0x18))
	p.begin(0, 100)
	c.HoldClose(false)
	p.closes()
}

func TestHoldFlows(t *testing.T) {
	p, c := tried(t, amqpserver.Options{IncomingWindow: 4}, 3, accept)
	c.HoldFlows(true)
	for id := range uint32(3) {
		p.send(0, transfer(0, id, "t", no, ""))
		p.expect(0x15)
	}
	c.HoldFlows(false)
	first := p.expect(0x13)
	p.same(first, 0, "next-incoming-id", uint32(1))
	p.same(first, 1, "incoming-window", uint32(4))
	p.same(p.expect(0x13), 6, "link-credit", uint32(2)) // granted anew behind the second message
	p.closes()
}

// A window that nothing opens again can be overrun.
func TestWindowViolation(t *testing.T) {
	p, c := tried(t, amqpserver.Options{IncomingWindow: 4}, 10, accept)
	c.HoldFlows(true)
	for id := range uint32(4) {
		p.send(0, transfer(0, id, "t", no, ""))
		p.expect(0x15)
	}
	p.send(0, transfer(0, 4, "t", no, ""))
	p.expectError(0x17, 0, "amqp:session:window-violation")
}

func TestBareFlow(t *testing.T) {
	p, _ := tried(t, amqpserver.Options{BareFlow: true}, 10, accept)
	p.same(p.barrier(0), 0, "next-incoming-id", nil)
}

func TestAnswerWithoutAState(t *testing.T) {
	p, _ := tried(t, amqpserver.Options{}, 10, func(d *amqpserver.Delivery) { d.Answer(nil) })
	p.send(0, transfer(0, 0, "t", no, ""))
	d := p.expect(0x15)
	p.same(d, 3, "settled", true)
	p.same(d, 4, "state", nil)
	p.closes()
}

func TestOnSettleComesBeforeTheAnswer(t *testing.T) {
	var held []func()
	p, _ := tried(t, amqpserver.Options{}, 10, func(d *amqpserver.Delivery) {
		d.OnSettle = func(o wire.Outcome) {
			if _, accepted := o.(wire.Accepted); !accepted {
				t.Errorf("outcome %#v", o)
			}
			held = append(held, func() { d.Answer(wire.Released{}) })
		}
		d.Settle(wire.Accepted{})
		if len(held) == 2 {
			held[1]()
			held[0]()
		}
	})
	p.send(0, transfer(0, 0, "t", no, ""))
	p.barrier(0)
	p.send(0, transfer(0, 1, "t", no, ""))
	for _, id := range []uint32{1, 0} {
		d := p.expect(0x15)
		p.same(d, 1, "first", id)
		p.same(d, 4, "state", item{0x26, []any(nil)})
	}
	p.closes()
}

func TestDoRunsWhileTheConnectionIsOpen(t *testing.T) {
	p, c := tried(t, amqpserver.Options{}, 10, accept)
	ran := false
	c.Do(func() { ran = true })
	p.closes()
	c.Do(func() { t.Error("run after the end") })
	if !ran {
		t.Error("not run")
	}
}
