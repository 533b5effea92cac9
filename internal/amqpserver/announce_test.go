package amqpserver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// What a server says about itself can be chosen: its welcome, its
// outgoing-window, its heartbeat.
func TestAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tight
		o.Mechanisms = []wire.Symbol{"ANONYMOUS"}
		o.Welcome = []byte("come in")
		o.EchoOutgoingWindow = true
		o.IdleTimeout = -1
		o.Heartbeat = func(peerIdle time.Duration) time.Duration { return 10*time.Second + peerIdle/2 }
		p := raw(t, &node{}, o)
		const saslHeader = "AMQP\x03\x01\x00\x00"
		p.write([]byte(saslHeader))
		p.header(saslHeader)
		p.expect(0x40)
		p.write(frame(1, 0, described(0x41, sym("ANONYMOUS"))))
		outcome := p.expect(0x44)
		p.same(outcome, 1, "additional-data", "come in")
		p.write([]byte(header0))
		p.header(header0)
		p.send(0, described(0x10, str("raw"), null, null, null, uint_(20_000)))
		p.expect(0x10)
		p.send(0, described(0x11, null, uint_(0), uint_(5), uint_(123), uint_(10)))
		p.same(p.expect(0x11), 3, "outgoing-window", uint32(123))
		begun := time.Now()
		if f, err := p.next(); err != nil || len(f.fields) > 0 || time.Since(begun) != 20*time.Second {
			t.Errorf("%+v, %v after %v, want a heartbeat after 20 s", f, err, time.Since(begun))
		}
	})
}
