package amqpserver_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// The ten behaviours without which a real peer fails, in raw bytes, with credit
// 1, window 1 and frames of 512 bytes.

var tight = amqpserver.Options{
	MaxFrameSize:   512,
	IncomingWindow: 1,
	Mechanisms:     []wire.Symbol{"PLAIN", "ANONYMOUS"},
}

// 1. A peer may come without a SASL layer; behind one, headers are exchanged again.
func TestBehaviour01HeaderWithoutSASL(t *testing.T) {
	n := &node{authenticate: func(string, []byte) error { return errors.New("was asked") }}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)
	p.closes()
}

func TestBehaviour01HeaderAgainAfterSASL(t *testing.T) {
	p := raw(t, &node{}, tight)
	p.write([]byte("AMQP\x03\x01\x00\x00"))
	p.header("AMQP\x03\x01\x00\x00")
	f := p.expect(0x40)
	if f.typ != 1 || f.at(0) != "\x02\xa3\x05PLAIN\x09ANONYMOUS" {
		t.Fatalf("mechanisms %q in a frame of type %d", f.at(0), f.typ)
	}
	p.write(frame(1, 0, described(0x41, sym("ANONYMOUS"))))
	if f := p.expect(0x44); f.at(0) != byte(0) {
		t.Fatalf("outcome %v", f.at(0))
	}
	p.open(512)
	p.closes()
}

// 2. The answer to an attach mirrors it.
func TestBehaviour02AttachEcho(t *testing.T) {
	filter := mapping(sym("apache.org:selector-filter:string"),
		append([]byte{0x00, 0x80, 0x00, 0x00, 0x46, 0x8c, 0x00, 0x00, 0x00, 0x04}, str("x > '1'")...))
	source := described(0x28, str("here"), uint_(1), null, null, null, null, null, filter)
	sourceRead, _ := read(source)
	target := described(0x29, str("there"))
	targetRead, _ := read(target)
	modes := []struct {
		snd, rcv         []byte
		wantSnd, wantRcv byte
	}{
		{null, null, 2, 0},
		{ubyte(0), ubyte(0), 0, 0},
		{ubyte(1), ubyte(0), 1, 0},
		{ubyte(2), ubyte(1), 2, 1},
		{ubyte(0), ubyte(1), 0, 1},
	}
	n := &node{attach: func(*amqpserver.Link) error { return nil }}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)
	for i, mode := range modes {
		for _, peerReceives := range []bool{true, false} {
			role, handle, initial := no, uint32(2*i), uint_(0)
			if peerReceives {
				role, handle, initial = yes, uint32(2*i+1), null
			}
			p.send(0, described(0x12, str("link"+fmt.Sprint(i)), uint_(handle), role, mode.snd, mode.rcv, source, target, null, null, initial))
			f := p.expect(0x12)
			p.same(f, 0, "name", "link"+fmt.Sprint(i))
			p.same(f, 2, "role", !peerReceives)
			p.same(f, 3, "snd-settle-mode", mode.wantSnd)
			p.same(f, 4, "rcv-settle-mode", mode.wantRcv)
			if !sameItem(f.at(5), sourceRead) || !sameItem(f.at(6), targetRead) {
				t.Fatalf("termini %v, %v", f.at(5), f.at(6))
			}
			if peerReceives {
				p.same(f, 9, "initial-delivery-count", uint32(0))
			}
		}
	}
	p.closes()
}

// sameItem compares two values, trailing nulls of lists aside.
func sameItem(a, b any) bool {
	return strings.ReplaceAll(fmt.Sprint(a), " <nil>]", "]") == strings.ReplaceAll(fmt.Sprint(b), " <nil>]", "]")
}

// 3. A refused link is attached with a null terminus and detached with the error.
func TestBehaviour03RefusedLink(t *testing.T) {
	n := &node{attach: func(*amqpserver.Link) error {
		return &wire.Error{Condition: wire.CondNotFound, Description: "no"}
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)
	for i, role := range [][]byte{yes, no} {
		p.send(0, described(0x12, str("l"), uint_(uint32(i)), role, null, null,
			described(0x28, str("a")), described(0x29, str("b")), null, null, uint_(0)))
		f := p.expect(0x12)
		p.same(f, 5+i, "own terminus", nil)
		d := p.expectError(0x16, 2, "amqp:not-found")
		p.same(d, 0, "handle", f.at(1))
		p.same(d, 1, "closed", true)
		p.send(0, described(0x16, uint_(uint32(i)), yes))
	}
	p.barrier(0)
	p.closes()
}

// 4. Window and credit come back, and every flow says what was received.
func TestBehaviour04FlowCarriesNextIncomingID(t *testing.T) {
	var got []string
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) {
			got = append(got, string(d.Payload))
			d.Settle(wire.Accepted{})
		}
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(7, 1)
	ours := p.attachSender(7, "in", 3)
	next := uint32(firstTransfer)
	flow := func(handle any) rawFrame {
		t.Helper()
		f := p.expect(0x13)
		p.same(f, 0, "next-incoming-id", next)
		p.same(f, 1, "incoming-window", uint32(1))
		p.same(f, 4, "handle", handle)
		return f
	}
	p.same(flow(ours), 6, "link-credit", uint32(1))
	for i := range uint32(3) {
		p.send(7, transfer(3, i, "t", yes, strings.Repeat("a", 400)))
		next++
		flow(nil) // half a delivery: the window again, no credit
		p.send(7, transfer(3, i, "t", no, strings.Repeat("b", 400)))
		next++
		p.expect(0x15)
		f := flow(ours)
		p.same(f, 5, "delivery-count", i+1)
		p.same(f, 6, "link-credit", uint32(1))
	}
	if len(got) != 3 || got[2] != strings.Repeat("a", 400)+strings.Repeat("b", 400) {
		t.Fatalf("%d deliveries", len(got))
	}
	p.closes()
}

// 5. No disposition follows a detach, whoever sent it, and every detach closes.
func TestBehaviour05NoDispositionAfterDetach(t *testing.T) {
	deliveries := make(chan *amqpserver.Delivery, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) { deliveries <- d }
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)

	p.attachSender(0, "one", 0)
	p.expect(0x13)
	p.send(0, transfer(0, 0, "t", no, "x"))
	p.expect(0x13)
	d := <-deliveries
	p.send(0, described(0x16, uint_(0), no)) // closed=false: even that is answered with true
	p.same(p.expect(0x16), 1, "closed", true)
	d.Settle(wire.Accepted{})
	p.barrier(0)

	p.attachSender(0, "two", 1)
	p.expect(0x13)
	p.send(0, transfer(1, 1, "t", no, "x"))
	p.expect(0x13)
	d = <-deliveries
	d.Link.Detach(nil)
	p.same(p.expect(0x16), 1, "closed", true)
	d.Settle(wire.Accepted{})
	p.barrier(0)
	p.closes()
}

// The same for what the peer receives: an outcome that crosses our detach has no answer.
func TestBehaviour05NoAnswerAfterDetach(t *testing.T) {
	links := make(chan *amqpserver.Link, 1)
	outcomes := make(chan wire.Outcome, 2)
	n := &node{attach: func(l *amqpserver.Link) error {
		links <- l
		l.OnCredit = func() {
			_ = l.Send([]byte("x"), amqpserver.SendOptions{OnOutcome: func(o wire.Outcome) wire.Outcome {
				outcomes <- o
				return o
			}})
		}
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 10)
	ours := p.attachReceiver(0, "out", 0)
	p.send(0, described(0x13, uint_(1), uint_(10), uint_(0), uint_(10), uint_(0), uint_(0), uint_(1)))
	id := p.expect(0x14).at(1).(uint32)
	(<-links).Detach(nil)
	p.same(p.expect(0x16), 0, "handle", ours)
	p.send(0, described(0x15, yes, uint_(id), null, no, accepted()))
	p.barrier(0)
	if o := <-outcomes; o != (wire.Accepted{}) {
		t.Fatalf("outcome %v", o)
	}
	p.closes()
}

// 6. An accepted message is settled with its state.
func TestBehaviour06DispositionHasState(t *testing.T) {
	outcomes := []wire.Outcome{
		wire.Accepted{}, wire.Rejected{Error: &wire.Error{Condition: "a:b"}}, wire.Released{}, wire.Modified{DeliveryFailed: true},
	}
	states := []uint64{0x24, 0x25, 0x26, 0x27}
	var next int
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(outcomes[next]) }
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	for i, state := range states {
		next = i
		p.send(0, transfer(0, uint32(i), "t", no, "x"))
		f := p.expect(0x15)
		p.same(f, 0, "role", true)
		p.same(f, 1, "first", uint32(i))
		p.same(f, 3, "settled", true)
		if got, ok := f.at(4).(item); !ok || got.code != state {
			t.Fatalf("state %v, want 0x%x", f.at(4), state)
		}
		p.expect(0x13)
	}
	p.closes()
}

// 7. An outcome that is not settled is answered with a settled state.
func TestBehaviour07SecondMode(t *testing.T) {
	answers := []wire.Outcome{nil, wire.Rejected{Error: &wire.Error{Condition: "lock:lost"}}}
	states := []uint64{0x24, 0x25}
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			_ = l.Send([]byte("x"), amqpserver.SendOptions{Tag: []byte("tag"), OnOutcome: func(o wire.Outcome) wire.Outcome {
				answer := answers[0]
				answers = answers[1:]
				return answer
			}})
		}
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	p.begin(0, 1)
	p.attachReceiver(0, "out", 9)
	for i, state := range states {
		count := uint32(i)
		p.send(0, described(0x13, uint_(1+count), uint_(1), uint_(0), uint_(1), uint_(9), uint_(count), uint_(1)))
		f := p.expect(0x14)
		p.same(f, 1, "delivery-id", count)
		p.same(f, 2, "delivery-tag", "tag")
		p.same(f, 4, "settled", nil)
		p.send(0, described(0x15, yes, uint_(count), null, no, accepted()))
		f = p.expect(0x15)
		p.same(f, 0, "role", false)
		p.same(f, 1, "first", count)
		p.same(f, 3, "settled", true)
		if got, ok := f.at(4).(item); !ok || got.code != state {
			t.Fatalf("state %v, want 0x%x", f.at(4), state)
		}
	}
	p.closes()
}

// 8. Sessions and links do not mix: other channel numbers on both sides, one
// handle used in two sessions, one name in two directions.
func TestBehaviour08ManySessions(t *testing.T) {
	var got []string
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 1
		l.OnDelivery = func(d *amqpserver.Delivery) {
			got = append(got, l.Name()+" "+string(d.Payload))
			d.Settle(wire.Accepted{})
		}
		l.OnCredit = func() { _ = l.Send([]byte("to "+l.Name()), amqpserver.SendOptions{}) }
		return nil
	}}
	p := raw(t, n, tight)
	p.open(512)
	channels := []uint16{9, 4, 7}
	ours := map[uint16]uint16{}
	for _, channel := range channels {
		ours[channel] = p.begin(channel, 10)
	}
	if ours[9] != 0 || ours[4] != 1 || ours[7] != 2 {
		t.Fatalf("channels %v", ours) // ours are our own, the lowest first
	}
	var handles []uint32
	for _, channel := range channels {
		name := fmt.Sprint("s", channel)
		p.attachSender(channel, name, 5)
		f := p.expect(0x13)
		if f.channel != ours[channel] {
			t.Fatalf("flow on channel %d, want %d", f.channel, ours[channel])
		}
		handles = append(handles, p.attachReceiver(channel, name, 6))
	}
	if !slices.Equal(handles, []uint32{1, 1, 1}) {
		t.Fatalf("handles %v", handles)
	}
	for i, channel := range slices.Backward(channels) {
		p.send(channel, transfer(5, 0, "t", no, "hello"))
		for _, code := range []uint64{0x15, 0x13} {
			if f := p.expect(code); f.channel != ours[channel] {
				t.Fatalf("frame 0x%x on channel %d, want %d", code, f.channel, ours[channel])
			}
		}
		p.send(channel, described(0x13, uint_(1), uint_(10), uint_(1), uint_(10), uint_(6), uint_(0), uint_(1)))
		f := p.expect(0x14)
		p.same(f, 0, "handle", handles[i])
		if want := fmt.Sprint("to s", channel); f.channel != ours[channel] || string(f.payload) != want {
			t.Fatalf("%q on channel %d", f.payload, f.channel)
		}
	}
	if want := []string{"s7 hello", "s4 hello", "s9 hello"}; !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
	p.send(4, described(0x17))
	if f := p.expect(0x17); f.channel != ours[4] {
		t.Fatalf("end on channel %d", f.channel)
	}
	p.barrier(9)
	p.closes()
}

// 9. Heartbeats come well within half of the peer's idle-time-out, and a silent
// peer is closed after ours.
func TestBehaviour09Heartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tight
		o.IdleTimeout = 90 * time.Second
		p := raw(t, &node{}, o)
		p.write([]byte(header0))
		p.header(header0)
		p.send(0, described(0x10, str("raw"), null, null, null, uint_(30_000)))
		f := p.expect(0x10)
		p.same(f, 4, "idle-time-out", uint32(90_000))
		last := time.Now()
		for time.Since(last) == 0 || f.code != 0x18 {
			start := time.Now()
			var err error
			if f, err = p.next(); err != nil {
				t.Fatal(err)
			}
			if silence := time.Since(start); silence >= 15*time.Second {
				t.Fatalf("nothing for %v", silence)
			}
		}
		if silence := time.Since(last); silence != 90*time.Second {
			t.Fatalf("closed after %v", silence)
		}
		if e := f.at(0).(item).value.([]any); e[0] != symbol("amqp:connection:forced") {
			t.Fatalf("closed with %v", e)
		}
	})
}

// A peer that sends heartbeats stays; one without an idle-time-out gets none.
func TestBehaviour09PeerKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tight
		o.IdleTimeout = 10 * time.Second
		p := raw(t, &node{}, o)
		p.open(512)
		for range 100 {
			time.Sleep(9 * time.Second)
			p.write(frame(0, 0, nil))
		}
		p.begin(0, 1)
		p.closes()
	})
}

// 10. Peers leave as they like.
func TestBehaviour10Leaving(t *testing.T) {
	detached := 0
	attach := func(l *amqpserver.Link) error {
		l.OnDetach = func() { detached++ }
		return nil
	}
	cases := []struct {
		name  string
		leave func(p *peer)
		clean bool
	}{
		{"close only", func(p *peer) {
			p.send(0, described(0x18))
			p.expect(0x18)
		}, true},
		{"close and hang up", func(p *peer) {
			p.send(0, described(0x18))
			_ = p.conn.Close()
		}, true},
		{"close twice", func(p *peer) {
			p.write(append(frame(0, 0, described(0x18)), frame(0, 0, described(0x18))...))
			p.expect(0x18)
		}, true},
		{"detach twice, end twice", func(p *peer) {
			p.send(5, described(0x16, uint_(1), yes))
			p.expect(0x16)
			p.send(5, described(0x16, uint_(1), yes))
			p.barrier(5)
			p.send(5, described(0x17))
			p.expect(0x17)
			p.send(5, described(0x16, uint_(0), yes))
			p.send(5, described(0x17))
			p.send(0, described(0x18))
			p.expect(0x18)
		}, true},
		{"drop", func(p *peer) { _ = p.conn.Close() }, false},
		{"drop inside a frame", func(p *peer) {
			p.write([]byte{0, 0, 1, 0, 2, 0})
			_ = p.conn.Close()
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			detached = 0
			n := &node{attach: attach}
			p := raw(t, n, tight)
			p.open(512)
			p.begin(5, 1)
			p.attachReceiver(5, "out", 0)
			p.attachReceiver(5, "more", 1)
			c.leave(p)
			if err := <-p.ended; (err == nil) != c.clean {
				t.Fatalf("Serve: %v", err)
			}
			<-n.closed
			if detached != 2 {
				t.Fatalf("%d links were detached", detached)
			}
		})
	}
}
