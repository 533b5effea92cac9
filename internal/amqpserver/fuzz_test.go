package amqpserver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// talker is a net.Conn on which a stranger has said everything at once and then
// hung up; what it is told goes nowhere.
type talker struct {
	io.Reader
}

func (talker) Write(b []byte) (int, error)      { return len(b), nil }
func (talker) Close() error                     { return nil }
func (talker) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (talker) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (talker) SetDeadline(time.Time) error      { return nil }
func (talker) SetReadDeadline(time.Time) error  { return nil }
func (talker) SetWriteDeadline(time.Time) error { return nil }

// FuzzConn: whatever a stranger says, the connection ends, and every link that
// was accepted is detached once, every message sent has at most one outcome.
func FuzzConn(f *testing.F) {
	hello := append([]byte(header0), frame(0, 0, described(0x10, str("raw"), null, uint_(512)))...)
	begin := frame(0, 0, described(0x11, null, uint_(0), uint_(3), uint_(100)))
	sender := frame(0, 0, described(0x12, str("in"), uint_(0), no, null, null, described(0x28), described(0x29, str("a")), null, null, uint_(0)))
	receiver := frame(0, 0, described(0x12, str("out"), uint_(1), yes, null, null, described(0x28, str("a")), described(0x29)))
	flow := frame(0, 0, described(0x13, uint_(1), uint_(3), uint_(0), uint_(9), uint_(1), uint_(0), uint_(5), null, no, yes))
	drain := frame(0, 0, described(0x13, uint_(1), uint_(3), uint_(0), uint_(9), uint_(1), uint_(0), uint_(5), null, yes))
	one := frame(0, 0, transfer(0, 0, "t", no, "hello"))
	half := frame(0, 0, transfer(0, 1, "t", yes, "hello"))
	outcome := frame(0, 0, described(0x15, yes, uint_(0), uint_(9), no, accepted()))
	bySender := frame(0, 0, described(0x15, no, uint_(0), uint_(9), yes, accepted()))
	detach := frame(0, 0, described(0x16, uint_(0), yes))
	end := frame(0, 0, described(0x17))
	bye := frame(0, 0, described(0x18))
	greedy := append(
		frame(0, 0, described(0x12, str("out"), uint_(1), yes, ubyte(1), null, described(0x28, str("a")))),
		frame(0, 0, described(0x13, uint_(1), uint_(1<<31), uint_(0), uint_(9), uint_(1), uint_(0), uint_(1<<31)))...)
	for _, parts := range [][][]byte{
		{hello, begin, greedy},
		{hello, begin, sender, one, half, half, detach, end, bye},
		{hello, begin, receiver, flow, outcome, drain, outcome, end, begin, bye},
		{hello, begin, sender, receiver, one, bySender, flow, sender},
		{hello, begin, sender, sender}, {hello, one}, {hello, begin, one}, {hello, bye, bye},
		{[]byte("AMQP\x03\x01\x00\x00"), frame(1, 0, described(0x41, sym("PLAIN"), bin("\x00a\x00b"))), hello, begin},
	} {
		f.Add(bytes.Join(parts, nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		converse(t, b)
	})
}

// FuzzSession: the stranger's words come as frames of the right size, on four
// channels, behind an open, a session with a link in each direction, and credit.
func FuzzSession(f *testing.F) {
	var hello []byte
	for _, body := range [][]byte{
		described(0x10, str("raw"), null, uint_(512)),
		described(0x11, null, uint_(0), uint_(3), uint_(100)),
		described(0x12, str("in"), uint_(0), no, null, null, described(0x28), described(0x29, str("a")), null, null, uint_(0)),
		described(0x12, str("out"), uint_(1), yes, null, null, described(0x28, str("a")), described(0x29)),
		described(0x13, uint_(1), uint_(3), uint_(0), uint_(9), uint_(1), uint_(0), uint_(5), null, no, yes),
	} {
		hello = append(hello, frame(0, 0, body)...)
	}
	outcome := described(0x15, yes, uint_(0), uint_(1<<32-1), no, accepted())
	detach := func(handle uint32) []byte { return described(0x16, uint_(handle), yes) }
	drain := described(0x13, uint_(2), uint_(0), uint_(0), uint_(9), uint_(1), uint_(0), uint_(1<<31), null, yes, yes)
	second := described(0x12, str("third"), uint_(2), yes, ubyte(1), ubyte(1), described(0x28, str("a")))
	for _, bodies := range [][][]byte{
		{transfer(0, 0, "t", no, "hello"), transfer(0, 1, "t", yes, "hello"), transfer(0, 1, "t", yes, "hello"), detach(0)},
		{transfer(0, 7, "t", no, "abc"), transfer(0, 3, "t", no, "abc"), described(0x15, no, uint_(0), uint_(9), yes)},
		{outcome, drain, outcome, described(0x17), described(0x11, null, uint_(0), uint_(3), uint_(1))},
		{second, drain, detach(1), detach(2), second, described(0x18)},
		{described(0x11, null, uint_(0), uint_(3), uint_(1)), nil, nil, described(0x18, described(0x1d, sym("a:b")))},
	} {
		var b []byte
		for _, body := range bodies {
			b = append(append(b, 0, byte(len(body)>>8), byte(len(body))), body...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		said := bytes.Clone(hello)
		for len(b) >= 3 {
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			said = append(said, frame(b[0]>>7, uint16(b[0]&3), b[3:3+n])...)
			b = b[3+n:]
		}
		converse(t, append([]byte(header0), said...))
	})
}

// converse serves a connection on which b comes.
func converse(t *testing.T, b []byte) {
	n := &counting{t: t}
	o := amqpserver.Options{
		Handler: n, MaxFrameSize: 512, IncomingWindow: 2, MaxMessageSize: 600, MaxReassembly: 900, MaxLinks: 8, MaxSessions: 4,
		MaxUnsettled: 4, Mechanisms: []wire.Symbol{"PLAIN"}, Log: slog.New(slog.DiscardHandler),
	}
	_ = amqpserver.Serve(context.Background(), talker{bytes.NewReader(b)}, o)
	if n.accepted != n.detached {
		t.Fatalf("%d links accepted, %d detached", n.accepted, n.detached)
	}
	if n.sent != n.outcomes {
		t.Fatalf("%d messages sent, %d outcomes", n.sent, n.outcomes)
	}
	if n.met != n.closed {
		t.Fatalf("met %v, closed %v", n.met, n.closed)
	}
}

// counting accepts every link, takes and sends what there is, and counts.
type counting struct {
	t                                  *testing.T
	met, closed                        bool
	accepted, detached, sent, outcomes int
}

func (n *counting) Authenticate(*amqpserver.Conn, string, []byte) error {
	n.met = true
	return nil
}

func (n *counting) Opened(*amqpserver.Conn) error {
	n.met = true
	return nil
}

func (n *counting) Attach(l *amqpserver.Link) error {
	if l.Name() == "no" {
		return &wire.Error{Condition: wire.CondNotFound}
	}
	n.accepted++
	gone := false
	l.Credit = 3
	l.OnDelivery = func(d *amqpserver.Delivery) {
		_, _ = wire.ParseMessage(d.Payload)
		if len(d.Payload) != 3 {
			d.Settle(wire.Accepted{})
		}
	}
	l.OnCredit = func() {
		for l.Available() > 0 {
			once := false
			err := l.Send(make([]byte, 700), amqpserver.SendOptions{OnOutcome: func(o wire.Outcome) wire.Outcome {
				if once || gone {
					n.t.Error("outcome twice, or behind the detach")
				}
				once = true
				n.outcomes++
				return o
			}})
			if err != nil {
				break
			}
			if l.PeerAttach().SndSettleMode != wire.SndSettled {
				n.sent++
			}
		}
	}
	l.OnDetach = func() {
		gone = true
		n.detached++
	}
	return nil
}

func (n *counting) Closed(*amqpserver.Conn) { n.closed = true }
