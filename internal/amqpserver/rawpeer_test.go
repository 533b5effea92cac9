package amqpserver_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"fieldpost/internal/amqpserver"
)

// The raw peer composes and reads its bytes without any AMQP library, so that a
// mistake in package wire cannot hide behind itself.

var (
	null = []byte{0x40}
	yes  = []byte{0x41}
	no   = []byte{0x42}
)

func ubyte(n byte) []byte   { return []byte{0x50, n} }
func uint_(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x70}, n) }
func ulong(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x80}, n) }
func str(s string) []byte   { return append([]byte{0xa1, byte(len(s))}, s...) }
func sym(s string) []byte   { return append([]byte{0xa3, byte(len(s))}, s...) }
func bin(s string) []byte   { return append([]byte{0xa0, byte(len(s))}, s...) }

func compound(code byte, items ...[]byte) []byte {
	var content []byte
	for _, item := range items {
		content = append(content, item...)
	}
	b := binary.BigEndian.AppendUint32([]byte{code}, uint32(len(content)+4))
	b = binary.BigEndian.AppendUint32(b, uint32(len(items)))
	return append(b, content...)
}

func mapping(items ...[]byte) []byte { return compound(0xd1, items...) }

// described composes a described list: a performative, a terminus, a state.
func described(code byte, fields ...[]byte) []byte {
	return append([]byte{0x00, 0x53, code}, compound(0xd0, fields...)...)
}

func accepted() []byte { return []byte{0x00, 0x53, 0x24, 0x45} }

func frame(typ byte, channel uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	b = append(b, 2, typ)
	return append(binary.BigEndian.AppendUint16(b, channel), body...)
}

// item is a described value as the raw peer reads it.
type item struct {
	code  uint64
	value any
}

type symbol string

// rawFrame is a frame as the raw peer reads it.
type rawFrame struct {
	typ     byte
	channel uint16
	code    uint64
	fields  []any
	payload []byte
}

// at returns field i, nil when it is null or missing.
func (f rawFrame) at(i int) any {
	if i >= len(f.fields) {
		return nil
	}
	return f.fields[i]
}

// read takes one value off the front of b.
func read(b []byte) (any, []byte) {
	code := b[0]
	b = b[1:]
	wide := code&0x10 != 0 && code >= 0xa0
	size := func() int {
		if wide {
			n := binary.BigEndian.Uint32(b)
			b = b[4:]
			return int(n)
		}
		n := b[0]
		b = b[1:]
		return int(n)
	}
	switch code {
	case 0x00:
		descriptor, rest := read(b)
		value, rest := read(rest)
		return item{descriptor.(uint64), value}, rest
	case 0x40:
		return nil, b
	case 0x41, 0x42:
		return code == 0x41, b
	case 0x43:
		return uint32(0), b
	case 0x44:
		return uint64(0), b
	case 0x45:
		return []any(nil), b
	case 0x50:
		return b[0], b[1:]
	case 0x52:
		return uint32(b[0]), b[1:]
	case 0x53:
		return uint64(b[0]), b[1:]
	case 0x56:
		return b[0] == 1, b[1:]
	case 0x60:
		return binary.BigEndian.Uint16(b), b[2:]
	case 0x70:
		return binary.BigEndian.Uint32(b), b[4:]
	case 0x80:
		return binary.BigEndian.Uint64(b), b[8:]
	case 0xa0, 0xb0, 0xa1, 0xb1:
		n := size()
		return string(b[:n]), b[n:]
	case 0xa3, 0xb3:
		n := size()
		return symbol(b[:n]), b[n:]
	case 0xc0, 0xd0, 0xc1, 0xd1:
		size()
		var items []any
		for count := size(); count > 0; count-- {
			var v any
			v, b = read(b)
			items = append(items, v)
		}
		return items, b
	case 0xe0, 0xf0:
		n := size()
		return string(b[:n]), b[n:]
	}
	panic(fmt.Sprintf("constructor 0x%02x", code))
}

// peer is a client that writes and reads bytes.
type peer struct {
	t     *testing.T
	conn  net.Conn
	ended chan error // gets what Serve returned
}

// raw serves n on one end of a pipe and returns the other.
func raw(t *testing.T, n *node, o amqpserver.Options) *peer {
	t.Helper()
	return rawUntil(context.Background(), t, n, o)
}

// rawUntil is raw with a server that stops when ctx ends.
func rawUntil(ctx context.Context, t *testing.T, n *node, o amqpserver.Options) *peer {
	t.Helper()
	near, far := net.Pipe()
	n.closed = make(chan struct{})
	o.Handler = n
	p := &peer{t: t, conn: near, ended: make(chan error, 1)}
	go func() {
		p.ended <- amqpserver.Serve(ctx, far, o)
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = near.Close()
		<-p.ended
	})
	return p
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	_ = p.conn.SetDeadline(time.Now().Add(hang))
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("writing %x: %v", b, err)
	}
}

func (p *peer) send(channel uint16, body []byte) {
	p.t.Helper()
	p.write(frame(0, channel, body))
}

func (p *peer) header(want string) {
	p.t.Helper()
	b := make([]byte, 8)
	if _, err := io.ReadFull(p.conn, b); err != nil || string(b) != want {
		p.t.Fatalf("header %q, %v; want %q", b, err, want)
	}
}

// next reads one frame, heartbeats included.
func (p *peer) next() (rawFrame, error) {
	_ = p.conn.SetDeadline(time.Now().Add(hang))
	var head [8]byte
	if _, err := io.ReadFull(p.conn, head[:]); err != nil {
		return rawFrame{}, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-8)
	if _, err := io.ReadFull(p.conn, body); err != nil {
		return rawFrame{}, err
	}
	f := rawFrame{typ: head[5], channel: binary.BigEndian.Uint16(head[6:])}
	if len(body) == 0 {
		return f, nil
	}
	v, rest := read(body)
	f.code, f.payload = v.(item).code, rest
	f.fields, _ = v.(item).value.([]any)
	return f, nil
}

// expect reads the next frame that is no heartbeat and wants it to be code.
func (p *peer) expect(code uint64) rawFrame {
	p.t.Helper()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatalf("waiting for frame 0x%x: %v", code, err)
		}
		if f.code == 0 {
			continue
		}
		if f.code != code {
			p.t.Fatalf("frame 0x%x %v, want 0x%x", f.code, f.fields, code)
		}
		return f
	}
}

// expectError reads the next frame and wants it to be code with the condition in field i.
func (p *peer) expectError(code uint64, i int, condition string) rawFrame {
	p.t.Helper()
	f := p.expect(code)
	e, ok := f.at(i).(item)
	if !ok || e.code != 0x1d || e.value.([]any)[0] != symbol(condition) {
		p.t.Fatalf("frame 0x%x has error %v, want %s", code, f.at(i), condition)
	}
	return f
}

// same fails unless field i of f is want.
func (p *peer) same(f rawFrame, i int, what string, want any) {
	p.t.Helper()
	if got := f.at(i); !reflect.DeepEqual(got, want) {
		p.t.Fatalf("%s of frame 0x%x is %#v, want %#v", what, f.code, got, want)
	}
}

const header0 = "AMQP\x00\x01\x00\x00"

// open exchanges headers and opens without SASL. maxFrame is the peer's.
func (p *peer) open(maxFrame uint32) {
	p.t.Helper()
	p.write([]byte(header0))
	p.header(header0)
	p.send(0, described(0x10, str("raw"), str("localhost"), uint_(maxFrame)))
	p.expect(0x10)
}

// firstTransfer is the transfer-id the raw peer begins with: close to the end of
// the numbers, so that they go round in most tests.
const firstTransfer = 0xfffffffe

// begin starts a session on the peer's channel with its window and returns ours.
func (p *peer) begin(channel uint16, window uint32) uint16 {
	p.t.Helper()
	p.send(channel, described(0x11, null, uint_(firstTransfer), uint_(window), uint_(100)))
	f := p.expect(0x11)
	p.same(f, 0, "remote-channel", channel)
	return f.channel
}

// attachSender attaches a link the peer sends on and returns our handle of it.
func (p *peer) attachSender(channel uint16, name string, handle uint32) uint32 {
	p.t.Helper()
	p.send(channel, described(0x12, str(name), uint_(handle), no, null, null,
		described(0x28, str("from")), described(0x29, str("to")), null, null, uint_(0)))
	return p.expect(0x12).at(1).(uint32)
}

// attachReceiver attaches a link the peer receives on and returns our handle of it.
func (p *peer) attachReceiver(channel uint16, name string, handle uint32) uint32 {
	p.t.Helper()
	p.send(channel, described(0x12, str(name), uint_(handle), yes, null, null,
		described(0x28, str("from")), described(0x29, str("to"))))
	return p.expect(0x12).at(1).(uint32)
}

// barrier asks for the session's state and wants it as the next frame: nothing
// else was waiting to be sent.
func (p *peer) barrier(channel uint16) rawFrame {
	p.t.Helper()
	p.send(channel, described(0x13, null, uint_(100), uint_(0), uint_(100), null, null, null, null, no, yes))
	f := p.expect(0x13)
	p.same(f, 4, "handle", nil)
	return f
}

// transfer composes a transfer frame that ends or goes on.
func transfer(handle, id uint32, tag string, more []byte, payload string) []byte {
	return append(described(0x14, uint_(handle), uint_(id), bin(tag), uint_(0), no, more), payload...)
}

// closes ends the connection in order.
func (p *peer) closes() {
	p.t.Helper()
	p.send(0, described(0x18))
	p.expect(0x18)
	if err := <-p.ended; err != nil {
		p.t.Fatalf("Serve: %v", err)
	}
}
