package amqpserver_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/amqpserver"
)

// grown returns how many bytes the heap holds more after f than before.
func grown(f func()) int64 {
	held := func() int64 {
		runtime.GC()
		runtime.GC() // the first leaves what pools hold
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := held()
	f()
	return held() - before
}

// mebi is 1 MiB.
const mebi = 1 << 20

// A list of nulls takes one byte each on the wire and a whole interface decoded:
// what a peer says once must not be kept in that form.
func TestOpenAndAttachesHoldNoMemory(t *testing.T) {
	nulls := make([][]byte, 60000)
	for i := range nulls {
		nulls[i] = null
	}
	fat := mapping(sym("x"), compound(0xd0, nulls...))
	array := symbolArray(60000)
	modified := described(0x27, null, null, fat)
	rejected := described(0x25, described(0x1d, sym("test:x"), null, fat))
	source := func(at int, v []byte) []byte {
		fields := [][]byte{str("a"), null, null, null, null, null, null, null, null, null, null}
		fields[at] = v
		return described(0x28, fields...)
	}
	attach := func(name string, handle int, at int, v []byte) []byte {
		fields := [][]byte{str(name), uint_(uint32(handle)), yes, null, null, source(0, str("a")), described(0x29, str("b")),
			null, null, null, null, null, null, null}
		fields[at] = v
		return described(0x12, fields...)
	}
	cases := []struct {
		name  string
		field int
		value []byte
	}{
		{"unsettled", 7, mapping(sym("t"), modified)},
		{"properties", 13, fat},
		{"offered capabilities", 11, array},
		{"desired capabilities", 12, array},
		{"filter", 5, source(7, fat)},
		{"dynamic node properties", 5, source(5, fat)},
		{"outcomes", 5, source(9, array)},
		{"source capabilities", 5, source(10, array)},
		{"default outcome modified", 5, source(8, modified)},
		{"default outcome rejected", 5, source(8, rejected)},
		{"default outcome of no kind", 5, source(8, described(0x34, fat))},
		{"target capabilities", 6, described(0x29, str("b"), null, null, null, null, null, array)},
		{"target properties", 6, described(0x29, str("b"), null, null, null, null, fat)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := &node{attach: func(l *amqpserver.Link) error {
				l.Source, l.Target = nil, nil // the answer does not repeat it
				return nil
			}}
			p := raw(t, n, amqpserver.Options{})
			p.open(65536)
			p.begin(0, 1)
			const links = 16
			more := grown(func() {
				for i := range links {
					p.send(0, attach(fmt.Sprint(i), i, c.field, c.value))
					p.expect(0x12)
				}
			})
			if more > links*mebi/16 {
				t.Errorf("%d links hold %d KiB", links, more>>10)
			}
			p.closes()
		})
	}
	t.Run("open", func(t *testing.T) {
		const connections = 8
		var peers []*peer
		more := grown(func() {
			for range connections {
				p := raw(t, &node{}, amqpserver.Options{})
				p.write([]byte(header0))
				p.header(header0)
				p.send(0, described(0x10, str("raw"), str("localhost"), null, null, null, null, null, null, null, fat))
				p.expect(0x10)
				peers = append(peers, p)
			}
		})
		if more > connections*mebi/4 { // the buffers of a connection are in it
			t.Errorf("%d connections hold %d KiB", connections, more>>10)
		}
		for _, p := range peers {
			p.closes()
		}
	})
}

// symbolArray composes an array of n empty symbols.
func symbolArray(n int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0xf0}, uint32(5+n))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return append(append(b, 0xa3), make([]byte, n)...)
}

// What has been sent and waits for its outcome needs its payload no more.
func TestUnsettledDeliveryDoesNotHoldItsPayload(t *testing.T) {
	const messages = 40
	n := &node{attach: func(l *amqpserver.Link) error {
		sent := 0
		l.OnCredit = func() {
			for ; sent < messages && l.Send(make([]byte, mebi), amqpserver.SendOptions{}) == nil; sent++ {
			}
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(65536)
	p.begin(0, 10000)
	p.attachReceiver(0, "out", 0)
	more := grown(func() {
		p.send(0, described(0x13, uint_(1), uint_(10000), uint_(0), uint_(100), uint_(0), uint_(0), uint_(messages)))
		for ended := 0; ended < messages; {
			if p.expect(0x14).at(5) != true {
				ended++
			}
		}
	})
	if more > 8*mebi {
		t.Errorf("%d unsettled messages hold %d KiB", messages, more>>10)
	}
	p.closes()
}

// A link takes no more than a few mebibytes ahead of the peer's window, whatever
// its credit, and asks for more when they are gone.
func TestSendIsBoundedByBytes(t *testing.T) {
	const most = 8 * mebi
	waiting, failed := make(chan int, 1), make(chan error, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnCredit = func() {
			taken := 0
			for {
				if err := l.Send([]byte(strings.Repeat("x", mebi/4)), amqpserver.SendOptions{Settled: true}); err != nil {
					failed <- err
					break
				}
				if taken += mebi / 4; taken > most {
					break
				}
			}
			waiting <- taken
		}
		return nil
	}}
	p := raw(t, n, amqpserver.Options{})
	p.open(65536)
	p.begin(0, 0)
	p.attachReceiver(0, "out", 0)
	p.send(0, described(0x13, uint_(1), uint_(0), uint_(0), uint_(100), uint_(0), uint_(0), uint_(5000)))
	if taken := <-waiting; taken > most {
		t.Fatalf("a link took %d KiB with a window of nothing", taken>>10)
	}
	if err := <-failed; !errors.Is(err, amqpserver.ErrNoCredit) {
		t.Fatalf("Send: %v", err)
	}
	p.send(0, described(0x13, uint_(1), uint_(5), uint_(0), uint_(100))) // one message
	for p.expect(0x14).at(5) == true {
	}
	select {
	case taken := <-waiting:
		if taken == 0 || taken > mebi {
			t.Fatalf("%d KiB more", taken>>10)
		}
	case <-time.After(hang):
		t.Fatal("nothing more was asked for")
	}
	_ = p.conn.Close()
}
