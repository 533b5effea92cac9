package hub_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestTokensOfAConnectionAreBounded(t *testing.T) {
	const most = 1000
	r := newRig(t, hub.Options{})
	c, err := r.open(nil)
	r.must(err)
	b := r.peer(c).cbs()
	put := func(n int) (int32, string) {
		name := fmt.Sprintf("localhost/fieldpost/%d", n)
		reply, status := b.request(putTokenMessage("1", sasType, name, token(name, r.serviceKey(), "service", farFuture())))
		text, _ := reply.ApplicationProperties["status-description"].(string)
		return status, text
	}
	for i := range most {
		if status, _ := put(i); status != 200 {
			t.Fatalf("token %d: %d", i+1, status)
		}
	}
	if status, text := put(most); status != 500 || !strings.Contains(text, "403005") {
		t.Errorf("token %d: %d %s, want 500 with 403005", most+1, status, text)
	}
	if status, _ := put(0); status != 200 {
		t.Errorf("renewal of the first: %d", status)
	}
}

// The oldest replies go first when nobody takes them.
func TestRepliesNobodyTakesAreBounded(t *testing.T) {
	const most = 64
	r := newRig(t, hub.Options{})
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	requests := p.sender("$cbs")
	for i := range uint64(most + 3) {
		r.must(requests.Send(r.ctx, putTokenMessage(i, sasType, "localhost", "none"), nil))
	}
	replies := p.receiver("$cbs", &amqp.ReceiverOptions{Credit: most + 3})
	for want := uint64(3); want < most+3; want++ {
		if m := p.receive(replies); m.Properties.CorrelationID != want {
			t.Fatalf("reply to %v, want %d", m.Properties.CorrelationID, want)
		}
	}
}

func TestRequestTooLargeIsRejected(t *testing.T) {
	r := newRig(t, hub.Options{})
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	e := p.rejected(p.sender("$cbs"), putTokenMessage(string(make([]byte, 64<<10)), sasType, "localhost", "none"))
	if e.Condition != amqp.ErrCondMessageSizeExceeded {
		t.Errorf("error %v", e)
	}
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What the log has dropped is gone, also while a reader has it on its way and
// does not settle it, or does not take it.
func TestSlowReadersDoNotHoldTheLog(t *testing.T) {
	const mebi, messages, size = 1 << 20, 48, 240 << 10
	for name, tc := range map[string]struct {
		settleMode byte
		window     uint32
		takes      int // transfer frames the reader waits for
	}{
		"settled, window of one frame": {1, 1, 1},
		"unsettled":                    {0, 100000, messages * 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, hub.Options{LogBytes: mebi, Partitions: 1})
			r.device("dev1")
			body := make([]byte, size)
			d := r.asDevice("dev1")
			s := d.sender(telemetryAddress("dev1"))
			transfers := r.rawReader(tc.settleMode, tc.window)
			before := heap()
			for range messages {
				d.accepted(s, amqp.NewMessage(body))
			}
			for range tc.takes {
				select {
				case _, open := <-transfers:
					if !open {
						t.Fatal("the reader has lost its connection")
					}
				case <-r.ctx.Done():
					t.Fatal("the events do not come")
				}
			}
			if more := heap() - before; more > 8*mebi {
				t.Errorf("%d KiB of events leave %d KiB in memory, in a log of 1024 KiB", messages*size>>10, more>>10)
			}
		})
	}
}

// rawReader opens a reader of partition 0 that settles nothing and opens its
// window once. A value comes for each transfer frame it takes.
func (r *rig) rawReader(settleMode byte, window uint32) <-chan struct{} {
	r.Helper()
	c := r.tls()
	list := func(code byte, fields ...[]byte) []byte {
		var content []byte
		for _, f := range fields {
			content = append(content, f...)
		}
		b := binary.BigEndian.AppendUint32([]byte{0, 0x53, code, 0xd0}, uint32(len(content)+4))
		return append(binary.BigEndian.AppendUint32(b, uint32(len(fields))), content...)
	}
	send := func(typ byte, body []byte) {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
		_, err := c.Write(append(append(b, 2, typ, 0, 0), body...))
		r.must(err)
	}
	header := func(text string) {
		_, err := io.WriteString(c, text)
		r.must(err)
		_, err = io.ReadFull(c, make([]byte, 8))
		r.must(err)
	}
	text := func(s string) []byte { return append([]byte{0xa1, byte(len(s))}, s...) }
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x70}, n) }
	null, yes := []byte{0x40}, []byte{0x41}

	header("AMQP\x03\x01\x00\x00")
	readFrame(r, c)
	response := "\x00service\x00" + r.serviceKey()
	send(1, list(0x41, append([]byte{0xa3, 5}, "PLAIN"...), append([]byte{0xa0, byte(len(response))}, response...)))
	readFrame(r, c)
	header("AMQP\x00\x01\x00\x00")
	send(0, list(0x10, text("raw"), text("localhost")))
	readFrame(r, c)
	send(0, list(0x11, null, number(0), number(window), number(1)))
	readFrame(r, c)
	send(0, list(0x12, text("reader"), number(0), yes, []byte{0x50, settleMode}, null,
		list(0x28, text("fieldpost/ConsumerGroups/$Default/Partitions/0")), list(0x29, text("here"))))
	readFrame(r, c)
	// The hub's answer tells that it has the credit.
	send(0, list(0x13, number(1), number(window), number(0), number(1), number(0), number(0), number(100000), null, null, yes))
	readFrame(r, c)

	transfers := make(chan struct{}, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(transfers)
		takeTransfers(c, transfers)
	}()
	r.Cleanup(func() {
		c.Close()
		<-done
	})
	return transfers
}

// takeTransfers reads frames until the connection ends.
func takeTransfers(c net.Conn, transfers chan<- struct{}) {
	for {
		var head [11]byte // up to the code of the performative
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[:]))-int64(len(head))); err != nil {
			return
		}
		if head[10] == 0x14 {
			transfers <- struct{}{}
		}
	}
}
