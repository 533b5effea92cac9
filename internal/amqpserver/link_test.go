package amqpserver_test

import (
	"errors"
	"strings"
	"testing"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// What ends a session; the connection goes on.
func TestSessionErrors(t *testing.T) {
	cases := []struct {
		name, condition string
		frames          [][]byte
	}{
		{"transfer for an unknown handle", "amqp:session:unattached-handle", [][]byte{transfer(9, 0, "t", no, "")}},
		{"flow for an unknown handle", "amqp:session:unattached-handle",
			[][]byte{described(0x13, null, uint_(1), uint_(0), uint_(1), uint_(9))}},
		{"transfer on a link of ours", "amqp:session:errant-link", [][]byte{transfer(1, 0, "t", no, "")}},
		{"handle in use", "amqp:session:handle-in-use", [][]byte{described(0x12, str("other"), uint_(0), yes)}},
		{"too many links", "amqp:resource-limit-exceeded", [][]byte{described(0x12, str("third"), uint_(2), yes)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ended := 0
			n := &node{attach: func(l *amqpserver.Link) error {
				l.Credit = 1
				l.OnDetach = func() { ended++ }
				return nil
			}}
			p := raw(t, n, amqpserver.Options{MaxLinks: 2, IncomingWindow: 5})
			p.open(512)
			p.begin(0, 1)
			p.attachSender(0, "in", 0)
			p.expect(0x13)
			p.attachReceiver(0, "out", 1)
			for _, b := range c.frames {
				p.send(0, b)
			}
			p.expectError(0x17, 0, c.condition)
			p.send(0, transfer(0, 0, "t", no, "")) // crossed our end: thrown away
			p.send(0, described(0x17))
			p.begin(0, 1)
			if ended != 2 {
				t.Fatalf("%d links were detached", ended)
			}
			p.closes()
		})
	}
}

// The links of a connection count together, over all its sessions; the session
// that asks for one too many ends, and a link that has gone makes room.
func TestConnectionLinkLimit(t *testing.T) {
	n := &node{attach: func(*amqpserver.Link) error { return nil }}
	p := raw(t, n, amqpserver.Options{MaxConnectionLinks: 3})
	p.open(512)
	p.begin(0, 1)
	p.begin(1, 1)
	tooMany := func() {
		t.Helper()
		p.send(1, described(0x12, str("one too many"), uint_(7), yes))
		p.expectError(0x17, 0, "amqp:resource-limit-exceeded")
		p.send(1, described(0x17))
		p.begin(1, 1)
	}
	p.attachReceiver(0, "a", 0)
	p.attachReceiver(0, "b", 1)
	p.attachReceiver(1, "c", 0)
	tooMany() // ends the session of c
	p.attachReceiver(1, "d", 0)
	p.send(0, described(0x16, uint_(1), yes))
	p.expect(0x16)
	p.attachReceiver(1, "e", 1)
	tooMany()
	p.barrier(0)
	p.closes()
}

// What detaches one link; the session goes on.
func TestLinkErrors(t *testing.T) {
	big := strings.Repeat("x", 60)
	cases := []struct {
		name, condition string
		frames          [][]byte
	}{
		{"no delivery-id", "amqp:invalid-field", [][]byte{described(0x14, uint_(0), null, bin("t"))}},
		{"no delivery-tag", "amqp:invalid-field", [][]byte{described(0x14, uint_(0), uint_(0))}},
		{"tag too long", "amqp:invalid-field", [][]byte{transfer(0, 0, strings.Repeat("t", 33), no, "")}},
		{"delivery inside a delivery", "amqp:not-allowed", [][]byte{transfer(0, 0, "t", yes, "a"), transfer(0, 1, "u", no, "b")}},
		{"id in use", "amqp:invalid-field", [][]byte{transfer(0, 0, "t", no, "a"), transfer(0, 0, "u", no, "b")}},
		{"no credit", "amqp:link:transfer-limit-exceeded",
			[][]byte{transfer(0, 0, "a", no, ""), transfer(0, 1, "b", no, ""), transfer(0, 2, "c", no, "")}},
		{"message too large", "amqp:link:message-size-exceeded", [][]byte{transfer(0, 0, "t", yes, big), transfer(0, 0, "t", no, big)}},
		{"reassembly", "amqp:resource-limit-exceeded", [][]byte{transfer(0, 0, "t", yes, big[:40]), transfer(0, 0, "t", yes, big[:40])}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			detached := make(chan struct{})
			n := &node{attach: func(l *amqpserver.Link) error {
				l.Credit, l.MaxMessageSize = 2, 100
				l.OnDelivery = func(d *amqpserver.Delivery) {}
				l.OnDetach = func() { close(detached) }
				return nil
			}}
			p := raw(t, n, amqpserver.Options{MaxReassembly: 64})
			p.open(512)
			p.begin(0, 1)
			ours := p.attachSender(0, "in", 0)
			p.expect(0x13)
			for _, b := range c.frames {
				p.send(0, b)
			}
			f := p.expectError(0x16, 2, c.condition)
			p.same(f, 0, "handle", ours)
			p.same(f, 1, "closed", true)
			p.send(0, transfer(0, 5, "t", no, "")) // crossed our detach: thrown away
			p.barrier(0)
			p.send(0, described(0x16, uint_(0), yes))
			p.barrier(0)
			<-detached
			p.closes()
		})
	}
}

// barrierWindow is barrier with the peer's view of the session.
func (p *peer) barrierWindow(channel uint16, nextIncoming, window uint32) rawFrame {
	p.t.Helper()
	p.send(channel, described(0x13, uint_(nextIncoming), uint_(window), uint_(0), uint_(100), null, null, null, null, no, yes))
	return p.expect(0x13)
}

func TestFlowEchoAndDrain(t *testing.T) {
	waiting := 2
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			for ; waiting > 0; waiting-- {
				_ = l.Send([]byte("x"), amqpserver.SendOptions{Settled: true})
			}
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 9)
	ours := p.attachReceiver(0, "out", 0)
	p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(0), uint_(0), uint_(0), null, no, yes))
	f := p.expect(0x13)
	p.same(f, 4, "handle", ours)
	p.same(f, 6, "link-credit", uint32(0))
	// What waits is sent before the rest of the credit is used up.
	p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(0), uint_(0), uint_(5), null, yes, yes))
	p.same(p.expect(0x14), 4, "settled", true)
	p.expect(0x14)
	f = p.expect(0x13)
	p.same(f, 5, "delivery-count", uint32(5))
	p.same(f, 6, "link-credit", uint32(0))
	p.same(f, 8, "drain", true)
	// A drain that waits for the window is answered behind the last frame.
	waiting = 1
	p.send(0, described(0x13, uint_(3), uint_(0), uint_(0), uint_(9), uint_(0), uint_(5), uint_(3), null, yes))
	p.barrierWindow(0, 3, 0)
	p.send(0, described(0x13, uint_(3), uint_(1), uint_(0), uint_(9)))
	p.expect(0x14)
	f = p.expect(0x13)
	p.same(f, 5, "delivery-count", uint32(8))
	p.same(f, 8, "drain", true)
	p.closes()
}

// A link of the same name and direction takes the place of the old one.
func TestStolenLink(t *testing.T) {
	var order []string
	n := &node{attach: func(l *amqpserver.Link) error {
		order = append(order, "attach")
		l.OnDetach = func() { order = append(order, "detach") }
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	first := p.attachReceiver(0, "same", 0)
	p.attachSender(0, "same", 1) // another direction: no conflict
	p.send(0, described(0x12, str("same"), uint_(2), yes))
	p.same(p.expectError(0x16, 2, "amqp:link:stolen"), 0, "handle", first)
	p.expect(0x12)
	p.send(0, described(0x16, uint_(0), yes))
	p.barrier(0)
	if got := strings.Join(order, " "); got != "attach attach detach attach" {
		t.Fatal(got)
	}
	p.closes()
	if got := strings.Join(order, " "); got != "attach attach detach attach detach detach" {
		t.Fatal(got)
	}
}

func TestAttachRefusedByEngine(t *testing.T) {
	long := str(strings.Repeat("a", 250))
	cases := []struct {
		name, condition string
		attach          []byte
	}{
		{"coordinator", "amqp:not-implemented", described(0x12, str("tx"), uint_(0), no, null, null, null,
			append([]byte{0, 0x53, 0x30}, 0x45), null, null, uint_(0))},
		{"settle mode", "amqp:invalid-field", described(0x12, str("m"), uint_(0), no, ubyte(3), null, null, described(0x29, str("a")))},
		{"answer does not fit", "amqp:frame-size-too-small", described(0x12, str("big"), uint_(0), no, null, null,
			described(0x28, long), described(0x29, long))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var attached, detached int
			n := &node{attach: func(l *amqpserver.Link) error {
				attached++
				l.OnDetach = func() { detached++ }
				return nil
			}}
			p := raw(t, n, amqpserver.Options{})
			p.open(512)
			p.begin(0, 1)
			p.send(0, c.attach)
			p.same(p.expect(0x12), 6, "target", nil)
			p.expectError(0x16, 2, c.condition)
			p.send(0, described(0x16, uint_(0), yes))
			p.closes()
			if attached != detached {
				t.Fatalf("%d attached, %d detached", attached, detached)
			}
		})
	}
}

// An error too long for the peer's frames is cut down, not dropped.
func TestLongErrorIsCut(t *testing.T) {
	long := &wire.Error{Condition: wire.CondNotFound, Description: strings.Repeat("ä", 2000)}
	n := &node{attach: func(l *amqpserver.Link) error {
		if !l.PeerSends() {
			return long
		}
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) {
			d.Settle(wire.Rejected{Error: long})
			d.Link.Conn().Close(long)
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachReceiver(0, "x", 0)
	p.expectError(0x16, 2, "amqp:not-found")
	p.attachSender(0, "y", 1)
	p.expect(0x13)
	p.send(0, transfer(1, 0, "t", no, ""))
	f := p.expect(0x15)
	if cause := f.at(4).(item).value.([]any)[0].(item).value.([]any)[1]; cause != strings.Repeat("ä", 64) {
		t.Fatalf("rejected with %q", cause)
	}
	p.expect(0x13)
	p.expectError(0x18, 0, "amqp:not-found")
}

// A sender that passes over some of its credit gets it back.
func TestSenderAdvances(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 5
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 4)
	p.same(p.expect(0x13), 6, "link-credit", uint32(5))
	p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(4), uint_(1), uint_(4), null, no, yes))
	f := p.expect(0x13)
	p.same(f, 5, "delivery-count", uint32(1))
	p.same(f, 6, "link-credit", uint32(4))
	p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(4), uint_(3), uint_(2)))
	f = p.expect(0x13)
	p.same(f, 5, "delivery-count", uint32(3))
	p.same(f, 6, "link-credit", uint32(5))
	p.closes()
}

func TestDetachDuringAttach(t *testing.T) {
	detached := make(chan struct{})
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnDetach = func() { close(detached) }
		l.Detach(&wire.Error{Condition: "test:later"})
		if err := l.Send(nil, amqpserver.SendOptions{}); !errors.Is(err, amqpserver.ErrNoCredit) {
			t.Errorf("send: %v", err)
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachReceiver(0, "x", 0)
	p.expectError(0x16, 2, "test:later")
	p.send(0, described(0x16, uint_(0), yes))
	<-detached
	p.closes()
}

// What the peer sent before it heard of less credit is taken; more is a breach.
func TestSetCreditTakesWhatIsUnderWay(t *testing.T) {
	links := make(chan *amqpserver.Link, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
		if err := l.SetCredit(3); err != nil {
			return err
		}
		links <- l
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	p.same(p.expect(0x13), 6, "link-credit", uint32(3))
	l := <-links
	if err := l.SetCredit(1); err != nil {
		t.Fatal(err)
	}
	p.same(p.expect(0x13), 6, "link-credit", uint32(1))
	if err := l.SetCredit(0); err != nil {
		t.Fatal(err)
	}
	p.same(p.expect(0x13), 6, "link-credit", uint32(0))
	for id := range uint32(3) {
		p.send(0, transfer(0, id, "t", no, ""))
		p.expect(0x15)
	}
	p.send(0, transfer(0, 3, "t", no, ""))
	p.expectError(0x16, 2, "amqp:link:transfer-limit-exceeded")
}

func TestSetCredit(t *testing.T) {
	links := make(chan *amqpserver.Link, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
		links <- l
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	l := <-links
	for _, credit := range []uint32{3, 0, 1} {
		if err := l.SetCredit(credit); err != nil {
			t.Fatal(err)
		}
		p.same(p.expect(0x13), 6, "link-credit", credit)
	}
	p.send(0, transfer(0, 0, "t", no, ""))
	p.expect(0x15)
	p.same(p.expect(0x13), 6, "link-credit", uint32(1))
	p.closes()
	if err := l.SetCredit(1); !errors.Is(err, amqpserver.ErrDetached) {
		t.Fatal(err)
	}
}
