package amqpserver_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Hostile peers: what each does, the engine holds little memory for it, and
// either serves it or ends it with the right error. That Serve returns in the
// cleanup of raw shows that no goroutine stays. docs/HUB.md has the table.

// overhear takes what comes until the connection ends, and hands it to f.
func (p *peer) overhear(f func(rawFrame)) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			got, err := p.next()
			if err != nil {
				return
			}
			f(got)
		}
	}()
	return done
}

// pour writes b again and again until the connection ends or n times are over.
func (p *peer) pour(n int, b []byte) error {
	_ = p.conn.SetWriteDeadline(time.Now().Add(hang))
	for range n {
		if _, err := p.conn.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Bytes that trickle in do not make the handshake longer, whatever its stage.
func TestTricklingHandshake(t *testing.T) {
	const headerSASL = "AMQP\x03\x01\x00\x00"
	open := frame(0, 0, described(0x10, str(strings.Repeat("x", 200))))
	sasl := func(p *peer) {
		p.write([]byte(headerSASL))
		p.header(headerSASL)
		p.expect(0x40)
	}
	for name, c := range map[string]struct {
		before func(*peer)
		bytes  []byte
	}{
		"AMQP header": {func(*peer) {}, []byte(header0[:7])},
		"SASL header": {func(*peer) {}, []byte(headerSASL[:7])},
		"sasl-init":   {sasl, frame(1, 0, described(0x41, sym("PLAIN"), bin(strings.Repeat("x", 200))))},
		"header behind SASL": {func(p *peer) {
			sasl(p)
			p.write(frame(1, 0, described(0x41, sym("PLAIN"))))
			p.expect(0x44)
		}, []byte(header0[:7])},
		"open":         {func(p *peer) { p.write([]byte(header0)); p.header(header0) }, open},
		"empty frames": {func(p *peer) { p.write([]byte(header0)); p.header(header0) }, bytes.Repeat(frame(0, 0, nil), 100)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				p := raw(t, &node{}, amqpserver.Options{Mechanisms: []wire.Symbol{"PLAIN"}})
				c.before(p)
				var writing sync.WaitGroup
				writing.Go(func() {
					for _, b := range c.bytes { // the last byte of a header never comes
						time.Sleep(4 * time.Second)
						if _, err := p.conn.Write([]byte{b}); err != nil {
							return
						}
					}
				})
				defer writing.Wait()
				if err := <-p.ended; err == nil || time.Since(begun) != 30*time.Second {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}

// Sizes and counts of 4 GiB in a frame of a few bytes.
func TestLengthsOf4GiB(t *testing.T) {
	huge := binary.BigEndian.AppendUint32(nil, 1<<32-1)
	values := map[string][]byte{}
	for name, code := range map[string]byte{"bin32": 0xb0, "str32": 0xb1, "sym32": 0xb3, "list32": 0xd0, "map32": 0xd1, "array32": 0xf0} {
		values[name+" of that size"] = append([]byte{code}, huge...)
		if code >= 0xd0 {
			counted := append([]byte{code, 0, 0, 0, 5}, huge...)
			values[name+" of that count"] = append(counted, 0x40)
		}
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			p := raw(t, &node{}, amqpserver.Options{})
			p.open(512)
			p.begin(0, 1)
			p.send(0, described(0x12, str("x"), uint_(0), yes, null, null, described(0x28, null, null, null, null, null, null, null, value)))
			if more := grown(func() { p.expectError(0x18, 0, "amqp:decode-error") }); more > mebi {
				t.Errorf("%d KiB are held", more>>10)
			}
			p.send(0, described(0x18))
		})
	}
}

func TestDeepNesting(t *testing.T) {
	lists := bytes.Repeat([]byte{0xc0, 0, 1}, 100)
	for i := range 100 {
		lists[3*i+1] = byte(min(255, 3*(100-i)-2))
	}
	for name, value := range map[string][]byte{
		"lists":        append(lists, 0x40),
		"descriptions": append(bytes.Repeat([]byte{0x00, 0x53, 0x01}, 20000), 0x40),
	} {
		t.Run(name, func(t *testing.T) {
			p := raw(t, &node{}, amqpserver.Options{})
			p.open(512)
			p.begin(0, 1)
			p.send(0, described(0x12, str("x"), uint_(0), yes, null, null, described(0x28, null, null, null, null, null, null, null, value)))
			p.expectError(0x18, 0, "amqp:decode-error")
			p.send(0, described(0x18))
		})
	}
}

func Test65536Sessions(t *testing.T) {
	const most = 1024
	p := raw(t, &node{}, amqpserver.Options{ChannelMax: 65535})
	p.open(512)
	begin := described(0x11, null, uint_(0), uint_(1<<32-1), uint_(1<<32-1))
	more := grown(func() {
		for channel := range uint16(most) {
			p.send(channel, begin)
			p.expect(0x11)
		}
	})
	if more > 4*mebi {
		t.Errorf("%d sessions hold %d KiB", most, more>>10)
	}
	p.send(65535, begin)
	p.expectError(0x18, 0, "amqp:resource-limit-exceeded")
	p.send(0, described(0x18))
}

// Sessions that come and go leave nothing.
func TestSessionChurn(t *testing.T) {
	p := raw(t, accepts(nil), amqpserver.Options{ChannelMax: 65535})
	p.open(512)
	more := grown(func() {
		for channel := range 5000 {
			p.begin(uint16(channel), 1)
			if channel%64 == 0 {
				p.attachReceiver(uint16(channel), "out", 0)
			}
			p.send(uint16(channel), described(0x17))
			p.expect(0x17)
		}
	})
	if more > mebi {
		t.Errorf("%d KiB stay of 5000 sessions", more>>10)
	}
	p.closes()
}

// accepts is a handler that takes every link; set, if any, equips it.
func accepts(set func(*amqpserver.Link)) *node {
	return &node{attach: func(l *amqpserver.Link) error {
		if set != nil {
			set(l)
		}
		return nil
	}}
}

func TestEndlessLinks(t *testing.T) {
	const perSession, sessions = 1024, 4
	p := raw(t, accepts(nil), amqpserver.Options{})
	p.open(65536)
	long := strings.Repeat("n", 250)
	attach := func(channel uint16, handle int) {
		name := fmt.Sprint(handle, long)[:250]
		p.send(channel, described(0x12, str(name), uint_(uint32(handle)), yes, null, null, described(0x28, str(long)), described(0x29, str(long))))
	}
	more := grown(func() {
		for channel := range uint16(sessions) {
			p.begin(channel, 1)
			for handle := range perSession {
				attach(channel, handle)
				p.expect(0x12)
			}
		}
	})
	if more > 16*mebi {
		t.Errorf("%d links hold %d KiB", perSession*sessions, more>>10)
	}
	p.begin(sessions, 1)
	attach(sessions, 0) // one too many for the connection
	p.expectError(0x17, 0, "amqp:resource-limit-exceeded")
	attach(0, perSession) // and for its session
	p.expectError(0x17, 0, "amqp:resource-limit-exceeded")
	p.closes()
}

// Names and addresses stay as long as their links: they have a bound too.
func TestLongAttachTexts(t *testing.T) {
	long := append([]byte{0xb1, 0, 0, 0xf0, 0}, strings.Repeat("x", 0xf000)...)
	longSymbol := append([]byte{0xb3}, long[1:]...)
	rejected := described(0x25, described(0x1d, sym("a:b"), long))
	source := func(at int, v []byte) []byte {
		fields := [][]byte{str("a"), null, null, null, null, null, null, null, null}
		fields[at] = v
		return described(0x28, fields...)
	}
	here := described(0x29, str("b"))
	for name, fields := range map[string][][]byte{
		"name":              {long, source(0, str("a")), here},
		"source":            {str("x"), source(0, long), here},
		"expiry policy":     {str("x"), source(2, longSymbol), here},
		"distribution mode": {str("x"), source(6, longSymbol), here},
		"default outcome":   {str("x"), source(8, rejected), here},
		"target":            {str("x"), source(0, str("a")), described(0x29, long)},
		"target's policy":   {str("x"), source(0, str("a")), described(0x29, str("b"), null, longSymbol)},
	} {
		t.Run(name, func(t *testing.T) {
			const links = 64
			p := raw(t, accepts(nil), amqpserver.Options{})
			p.open(1 << 20)
			p.begin(0, 1)
			more := grown(func() {
				for handle := range uint32(links) {
					p.send(0, described(0x12, fields[0], uint_(handle), yes, null, null, fields[1], fields[2]))
					p.expect(0x12)
					p.expectError(0x16, 2, "amqp:invalid-field")
				}
			})
			if more > mebi/2 { // the buffers of the connection are in it
				t.Errorf("%d refused links hold %d KiB", links, more>>10)
			}
			p.closes()
		})
	}
}

// Links that come and go leave nothing, also while what they were to be sent
// waits for a window.
func TestLinkChurn(t *testing.T) {
	n := accepts(func(l *amqpserver.Link) {
		l.OnCredit = func() { _ = l.Send(make([]byte, 1000), amqpserver.SendOptions{}) }
	})
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 0)
	more := grown(func() {
		for range 5000 {
			p.attachReceiver(0, "out", 0)
			p.send(0, described(0x13, uint_(1), uint_(0), uint_(0), uint_(1), uint_(0), uint_(0), uint_(1)))
			p.send(0, described(0x16, uint_(0), yes))
			p.expect(0x16)
		}
	})
	if more > mebi {
		t.Errorf("%d KiB stay of 5000 links", more>>10)
	}
	p.closes()
}
