package amqpserver_test

import (
	"slices"
	"strings"
	"testing"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Frames of one delivery come without id, tag and format after the first.
func TestContinuationFrames(t *testing.T) {
	got := make(chan *amqpserver.Delivery, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 5
		l.OnDelivery = func(d *amqpserver.Delivery) { got <- d }
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	p.send(0, append(described(0x14, uint_(0), uint_(8), bin("tag"), uint_(0x80013700), no, yes), "one "...))
	p.send(0, append(described(0x14, uint_(0), null, null, null, null, yes), "two "...))
	p.send(0, append(described(0x14, uint_(0)), "three"...))
	d := <-got
	if string(d.Payload) != "one two three" || string(d.Tag) != "tag" || d.Format != 0x80013700 || d.Settled {
		t.Fatalf("%+v", d)
	}
	p.closes()
}

func TestAbortedDelivery(t *testing.T) {
	got := make(chan *amqpserver.Delivery, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) { got <- d }
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	p.send(0, transfer(0, 0, "t", yes, "never "))
	p.send(0, append(described(0x14, uint_(0), null, null, null, null, no, null, null, no, yes), "this"...))
	p.same(p.expect(0x13), 6, "link-credit", uint32(1))
	p.send(0, transfer(0, 1, "t", no, "but this"))
	if d := <-got; string(d.Payload) != "but this" {
		t.Fatalf("%q", d.Payload)
	}
	p.closes()
}

// A large message goes out in frames of the peer's size, one window at a time.
func TestSendInSmallFrames(t *testing.T) {
	payload := strings.Repeat("0123456789", 150)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			_ = l.Send([]byte(payload), amqpserver.SendOptions{Tag: []byte("tag"), Format: 7})
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(100) // below what the specification allows: frames of 512 bytes come
	p.begin(0, 1)
	ours := p.attachReceiver(0, "out", 0)
	p.send(0, described(0x13, uint_(1), uint_(1), uint_(0), uint_(1), uint_(0), uint_(0), uint_(1)))
	var got []byte
	for i := uint32(1); ; i++ {
		f := p.expect(0x14)
		p.same(f, 0, "handle", ours)
		if i == 1 {
			p.same(f, 1, "delivery-id", uint32(0))
			p.same(f, 2, "delivery-tag", "tag")
			p.same(f, 3, "message-format", uint32(7))
		}
		if size := len(f.payload); size > 504 || size < 400 && f.at(5) == true {
			t.Fatalf("payload of %d bytes", size)
		}
		got = append(got, f.payload...)
		if f.at(5) != true {
			break
		}
		b := p.barrierWindow(0, i+1, 0) // the window is used up: nothing comes by itself
		p.same(b, 2, "next-outgoing-id", i+1)
		p.send(0, described(0x13, uint_(i+1), uint_(1), uint_(0), uint_(1)))
	}
	if string(got) != payload {
		t.Fatalf("%d bytes came", len(got))
	}
	p.closes()
}

// A disposition may name any range, and what it costs does not depend on it.
func TestDispositionRanges(t *testing.T) {
	var got []int
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			for i := range 6 {
				_ = l.Send([]byte("x"), amqpserver.SendOptions{OnOutcome: func(o wire.Outcome) wire.Outcome {
					if o == (wire.Accepted{}) {
						got = append(got, i)
					}
					return o
				}})
			}
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 9)
	p.attachReceiver(0, "out", 0)
	p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(0), uint_(0), uint_(6)))
	for range 6 {
		p.expect(0x14)
	}
	p.send(0, described(0x15, yes, uint_(5), uint_(2), yes, accepted()))                     // backwards: nothing
	p.send(0, described(0x15, yes, uint_(1), uint_(2), yes, accepted()))                     // two of them
	p.send(0, described(0x15, yes, uint_(0), null, no, described(0x23, uint_(0), ulong(1)))) // received: not terminal
	p.send(0, described(0x15, yes, uint_(3), null, no))                                      // no state, not settled: nothing
	p.send(0, described(0x15, yes, uint_(0xffff0000), uint_(0x7ffe0000), yes, accepted()))   // the rest, around zero
	p.send(0, described(0x15, yes, uint_(0), uint_(9), yes, accepted()))                     // again: nothing
	p.send(0, described(0x15, no, uint_(0), uint_(9), yes, accepted()))                      // of the other role: nothing
	p.barrier(0)
	p.closes()
	if want := []int{1, 2, 0, 3, 4, 5}; !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
}

// A delivery settled without a state counts as the source's default outcome.
func TestDefaultOutcome(t *testing.T) {
	var got []wire.Outcome
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			_ = l.Send(nil, amqpserver.SendOptions{OnOutcome: func(o wire.Outcome) wire.Outcome {
				got = append(got, o)
				return o
			}})
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 9)
	p.send(0, described(0x12, str("with"), uint_(0), yes, null, null,
		described(0x28, str("a"), null, null, null, null, null, null, null, []byte{0, 0x53, 0x26, 0x45})))
	p.expect(0x12)
	p.attachReceiver(0, "without", 1)
	for handle := range uint32(2) {
		p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(handle), uint_(0), uint_(1)))
		id := p.expect(0x14).at(1).(uint32)
		p.send(0, described(0x15, yes, uint_(id), null, yes))
	}
	p.closes()
	if len(got) != 2 || got[0] != (wire.Released{}) || got[1] != nil {
		t.Fatalf("%v", got)
	}
}

// A receiver in mode second settles with its answer all the same: senders that
// ask for it and never settle by themselves would wait for ever.
func TestReceivingInSecondMode(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 9)
	p.send(0, described(0x12, str("in"), uint_(0), no, null, ubyte(1), null, described(0x29, str("a")), null, null, uint_(0)))
	p.same(p.expect(0x12), 4, "rcv-settle-mode", byte(1))
	p.expect(0x13)
	p.send(0, transfer(0, 0, "t", no, "x"))
	f := p.expect(0x15)
	if f.at(3) != true || f.at(4).(item).code != 0x24 {
		t.Fatalf("disposition %v", f.fields)
	}
	p.same(p.expect(0x13), 6, "link-credit", uint32(1))
	p.closes()
}

// A sender that settles by itself leaves nothing to be answered.
func TestSettledBySender(t *testing.T) {
	deliveries := make(chan *amqpserver.Delivery, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) { deliveries <- d }
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 9)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	p.send(0, transfer(0, 0, "t", no, "x"))
	p.send(0, described(0x15, no, uint_(0), null, yes))
	p.same(p.expect(0x13), 6, "link-credit", uint32(1))
	(<-deliveries).Settle(wire.Accepted{})
	p.barrier(0)
	p.closes()
}

// The settle mode of the link decides over SendOptions.Settled.
func TestSenderSettleModes(t *testing.T) {
	cases := []struct {
		mode    []byte
		settled bool
		want    any
	}{
		{ubyte(0), true, nil}, {ubyte(1), false, true}, {ubyte(2), true, true}, {null, true, true}, {null, false, nil},
	}
	for _, c := range cases {
		n := &node{attach: func(l *amqpserver.Link) error {
			l.OnCredit = func() { _ = l.Send(nil, amqpserver.SendOptions{Settled: c.settled}) }
			return nil
		}}
		p := raw(t, n, amqpserver.Options{})
		p.open(512)
		p.begin(0, 9)
		p.send(0, described(0x12, str("out"), uint_(0), yes, c.mode, null, described(0x28, str("a"))))
		p.expect(0x12)
		p.send(0, described(0x13, uint_(1), uint_(9), uint_(0), uint_(9), uint_(0), uint_(0), uint_(1)))
		p.same(p.expect(0x14), 4, "settled", c.want)
		p.closes()
	}
}

// Deliveries accepted one after the other share a disposition when they came
// together: not one of another outcome, session or place.
func TestAcceptedTogether(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 100
		l.OnDelivery = func(d *amqpserver.Delivery) {
			if string(d.Payload) == "no" {
				d.Settle(wire.Released{})
				return
			}
			d.Settle(wire.Accepted{})
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	for channel := range uint16(2) {
		p.begin(channel, 100)
		p.attachSender(channel, "in", 0)
		p.expect(0x13)
	}
	var said []byte
	for _, d := range []struct {
		channel uint16
		id      uint32
		payload string
	}{
		{0, 1<<32 - 1, "a"}, {0, 0, "b"}, {0, 1, "c"}, {0, 2, "no"}, {0, 3, "d"}, {0, 5, "e"}, {1, 6, "f"}, {1, 7, "g"},
	} {
		said = append(said, frame(0, d.channel, transfer(0, d.id, "t", no, d.payload))...)
	}
	p.write(said)
	for _, want := range []struct {
		first uint32
		last  any
		state uint64
	}{
		{1<<32 - 1, uint32(1), 0x24}, {2, nil, 0x26}, {3, nil, 0x24}, {5, nil, 0x24}, {6, uint32(7), 0x24},
	} {
		f := p.expect(0x15)
		p.same(f, 1, "first", want.first)
		p.same(f, 2, "last", want.last)
		if got, ok := f.at(4).(item); !ok || got.code != want.state {
			t.Fatalf("state of %d is %v", want.first, f.at(4))
		}
	}
	p.send(0, transfer(0, 6, "t", no, "a")) // what was written is over
	p.same(p.expect(0x15), 1, "first", uint32(6))
	p.closes()
}
