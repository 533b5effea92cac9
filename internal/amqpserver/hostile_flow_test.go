package amqpserver_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// everything is a flow that gives a session and one of its links all there is.
func everything(window, handle uint32) []byte {
	return described(0x13, uint_(1), uint_(window), uint_(0), uint_(100), uint_(handle), uint_(0), uint_(1<<32-1))
}

// greedy is a handler that sends messages of one size for as long as it may, and
// counts them.
func greedy(size int, sent *atomic.Int64, failed *atomic.Int64) *node {
	return accepts(func(l *amqpserver.Link) {
		l.OnCredit = func() {
			for l.Send(make([]byte, size), amqpserver.SendOptions{}) == nil {
				sent.Add(1)
			}
			failed.Add(1)
		}
	})
}

// Credit for everything on many links, and a session window of nothing: what
// waits is bounded, and goes when the window opens.
func TestZeroWindow(t *testing.T) {
	const links, size = 16, mebi / 2
	var sent, failed atomic.Int64
	p := raw(t, greedy(size, &sent, &failed), amqpserver.Options{})
	p.open(65536)
	p.begin(0, 0)
	more := grown(func() {
		for handle := range uint32(links) {
			p.attachReceiver(0, "out"+string(rune('a'+handle)), handle)
			p.send(0, everything(0, handle))
		}
		p.barrierWindow(0, 1, 0)
	})
	if more > 18*mebi || sent.Load() == 0 {
		t.Errorf("%d messages wait and hold %d KiB", sent.Load(), more>>10)
	}
	took := map[uint32]bool{} // every link has its turn
	p.send(0, described(0x13, uint_(1), uint_(100000), uint_(0), uint_(100)))
	for len(took) < links {
		f := p.expect(0x14)
		took[f.at(0).(uint32)] = true
	}
	_ = p.conn.Close()
}

// A peer with no credit for a link gets nothing, however wide its window.
func TestZeroCredit(t *testing.T) {
	var sent, failed atomic.Int64
	p := raw(t, greedy(1, &sent, &failed), amqpserver.Options{})
	p.open(512)
	p.begin(0, 1<<32-1)
	p.attachReceiver(0, "out", 0)
	for range 1000 {
		p.send(0, described(0x13, uint_(1), uint_(1<<32-1), uint_(0), uint_(100), uint_(0), uint_(0), uint_(0)))
	}
	p.barrier(0)
	if sent.Load() != 0 {
		t.Errorf("%d messages without credit", sent.Load())
	}
	p.closes()
}

// Everything is asked for and nothing is read, or a byte now and then: what waits
// is bounded, and the connection ends with WriteTimeout.
func TestHugeCreditWithoutReading(t *testing.T) {
	for name, every := range map[string]time.Duration{"nothing": time.Hour, "a byte a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent, failed atomic.Int64
				p := raw(t, greedy(10000, &sent, &failed), amqpserver.Options{})
				p.open(1<<32 - 1)
				p.begin(0, 1<<32-1)
				p.attachReceiver(0, "out", 0)
				p.send(0, everything(1<<32-1, 0))
				begun := time.Now()
				more := grown(synctest.Wait)
				if more > 6*mebi || sent.Load() == 0 {
					t.Errorf("%d messages hold %d KiB", sent.Load(), more>>10)
				}
				for time.Since(begun) < 25*time.Second {
					time.Sleep(min(every, 25*time.Second))
					if every < time.Minute {
						_, _ = p.conn.Read(make([]byte, 1))
					}
				}
				if err := <-p.ended; err == nil || time.Since(begun) != 30*time.Second {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}

// Nothing is ever settled: no more than MaxSending messages are out on all links
// together, and all links go on when they are settled.
func TestNeverSettling(t *testing.T) {
	const links, most = 8, 16384
	var sent, failed atomic.Int64
	n := greedy(1, &sent, &failed)
	p := raw(t, n, amqpserver.Options{})
	p.open(65536)
	p.begin(0, 1<<32-1)
	handles := map[uint32]int{}
	for handle := range uint32(links) {
		handles[p.attachReceiver(0, "out"+string(rune('a'+handle)), handle)] = 0
	}
	came, waiting := 0, links
	full := make(chan int, 1) // gets how many links had nothing yet
	fill := func() (without int) {
		select {
		case without = <-full:
		case <-time.After(hang):
			t.Fatal("the links do not go on")
		}
		return without
	}
	ended := p.overhear(func(f rawFrame) {
		if f.code == 0x14 {
			if handle := f.at(0).(uint32); handles[handle] == 0 {
				handles[handle]++
				waiting--
			}
			if came++; came%most == 0 {
				full <- waiting
			}
		}
	})
	more := grown(func() {
		for handle := range uint32(links) {
			p.send(0, everything(1<<32-1, handle))
		}
		fill()
	})
	if more > 16*mebi {
		t.Errorf("%d unsettled messages hold %d KiB", most, more>>10)
	}
	rounds := uint32(1)
	for without := links; without > 0; rounds++ { // each link has its turn
		p.send(0, described(0x15, yes, uint_((rounds-1)*most), uint_(rounds*most-1), yes, accepted()))
		if without = fill(); rounds == 100 {
			t.Fatalf("%d links got nothing in %d rounds", without, rounds)
		}
	}
	p.write(frame(0, 0, described(0x18)))
	<-ended
	if came != int(rounds*most) {
		t.Errorf("%d messages came, %d of them settled", came, (rounds-1)*most)
	}
}

// Deliveries that are begun on many links and never end.
func TestTransfersNeverFinished(t *testing.T) {
	const room, links = 4 * mebi, 100
	p := raw(t, accepts(func(l *amqpserver.Link) { l.Credit = 1 }), amqpserver.Options{})
	p.open(65536)
	p.begin(0, 1)
	ended := p.overhear(func(f rawFrame) {
		if f.code == 0x16 {
			if e, ok := f.at(2).(item); !ok || e.value.([]any)[0] != symbol("amqp:resource-limit-exceeded") {
				t.Errorf("detached with %v", f.at(2))
			}
		}
	})
	piece := strings.Repeat("x", 60000)
	more := grown(func() {
		for handle := range uint32(links) {
			p.send(0, described(0x12, str("in"+string(rune('a'+handle))), uint_(handle), no, null, null, null, described(0x29, str("to")), null, null, uint_(0)))
			for range 10 {
				p.send(0, transfer(handle, handle, "t", yes, piece))
			}
		}
	})
	if more > room*5/4+2*mebi { // a slice that grows has room to spare
		t.Errorf("unfinished deliveries hold %d KiB", more>>10)
	}
	p.send(0, described(0x18))
	<-ended
}

// A delivery of frames without a byte never ends and takes no memory.
func TestEmptyTransfersWithoutEnd(t *testing.T) {
	p := raw(t, accepts(func(l *amqpserver.Link) { l.Credit = 1 }), amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	ended := p.overhear(func(rawFrame) {})
	more := grown(func() {
		if err := p.pour(20_000, frame(0, 0, transfer(0, 0, "t", yes, ""))); err != nil {
			t.Error(err)
		}
	})
	if more > mebi {
		t.Errorf("%d KiB are held", more>>10)
	}
	p.send(0, described(0x18))
	<-ended
}

// Delivery-ids may come in any order, and any of them.
func TestDeliveryIDsOutOfOrder(t *testing.T) {
	n := accepts(func(l *amqpserver.Link) {
		l.Credit = 10
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
	})
	p := raw(t, n, amqpserver.Options{})
	p.open(512)
	p.begin(0, 1)
	p.attachSender(0, "in", 0)
	p.expect(0x13)
	for _, id := range []uint32{7, 3, 1<<32 - 1, 0, 1 << 31, 7} {
		p.send(0, transfer(0, id, "t", no, "x"))
		for f := p.expectAny(0x15, 0x13); f.code != 0x15; f = p.expectAny(0x15, 0x13) {
		}
	}
	p.closes()
}

// expectAny reads the next frame and wants it to be one of codes.
func (p *peer) expectAny(codes ...uint64) rawFrame {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, code := range codes {
		if f.code == code {
			return f
		}
	}
	p.t.Fatalf("frame 0x%x, want one of %x", f.code, codes)
	return f
}

// Dispositions of ranges up to all there are, for deliveries of which there are
// few, in a flood: the session goes on.
func TestHugeDispositionRanges(t *testing.T) {
	var sent, failed atomic.Int64
	p := raw(t, greedy(1, &sent, &failed), amqpserver.Options{MaxUnsettled: 100})
	p.open(512)
	p.begin(0, 1<<32-1)
	p.attachReceiver(0, "out", 0)
	p.send(0, everything(1<<32-1, 0))
	for range 100 {
		p.expect(0x14)
	}
	for _, last := range []uint32{1<<32 - 1, 1 << 31, 1<<31 - 1} {
		for _, role := range [][]byte{yes, no} {
			received := described(0x15, role, uint_(0), uint_(last), no, described(0x23, uint_(1), ulong(1)))
			if err := p.pour(1000, frame(0, 0, received)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.send(0, described(0x15, yes, uint_(1), uint_(0), yes, accepted())) // ends before it begins: no range
	p.barrierWindow(0, 101, 1<<32-1)
	p.send(0, described(0x15, yes, uint_(1<<31), uint_(1<<31-1), yes, accepted()))
	p.barrierWindow(0, 101, 1<<32-1)
	p.send(0, described(0x15, yes, uint_(0), uint_(1<<31-1), yes, accepted()))
	for range 100 {
		p.expect(0x14)
	}
	p.closes()
}

// Floods that ask for nothing, or are listened to, are served; one whose answers
// are left unread ends the connection.
func TestFloods(t *testing.T) {
	echo := frame(0, 0, described(0x13, null, uint_(1), uint_(0), uint_(1), null, null, null, null, no, yes))
	for name, b := range map[string][]byte{
		"empty frames": frame(0, 0, nil),
		"flows":        frame(0, 0, described(0x13, null, uint_(1), uint_(0), uint_(1))),
		"echoes":       echo,
		"flows of a link": frame(0, 0, described(0x13, null, uint_(0), uint_(0), uint_(1), uint_(0), uint_(0),
			uint_(1<<32-1), null, yes, yes)),
		"ends of nothing": frame(0, 7, described(0x17)),
	} {
		t.Run(name, func(t *testing.T) {
			p := raw(t, accepts(nil), amqpserver.Options{})
			p.open(512)
			p.begin(0, 1)
			p.attachReceiver(0, "out", 0)
			ended := p.overhear(func(rawFrame) {})
			more := grown(func() {
				if err := p.pour(5_000, b); err != nil {
					t.Error(err)
				}
			})
			if more > 8*mebi { // the answers that are still to be read are in it
				t.Errorf("%d KiB are held", more>>10)
			}
			p.send(0, described(0x18))
			<-ended
		})
	}
	t.Run("echoes left unread", func(t *testing.T) {
		p := raw(t, accepts(nil), amqpserver.Options{})
		p.open(512)
		p.begin(0, 1)
		var err error
		more := grown(func() { err = p.pour(1_000_000, echo) })
		if more > 8*mebi || err == nil {
			t.Errorf("%d KiB are held, %v", more>>10, err)
		}
		if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "unread") {
			t.Errorf("Serve: %v", err)
		}
	})
}
