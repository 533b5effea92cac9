package hub_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whatever the stage of the handshake in which the bytes of a peer begin to
// trickle in, it ends after half a minute a stage, and nothing of it stays: the
// bubble of a virtual time would tell of a goroutine.
func TestTricklingHandshakes(t *testing.T) {
	const headerSASL = "AMQP\x03\x01\x00\x00"
	clientHello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 400)
	shaken := func(say string) func(*rig) net.Conn {
		return func(r *rig) net.Conn {
			c := r.tls()
			_, err := io.WriteString(c, say)
			r.must(err)
			return c
		}
	}
	for name, c := range map[string]struct {
		open func(*rig) net.Conn
		says string
	}{
		"TLS":         {func(r *rig) net.Conn { return r.dial() }, clientHello},
		"WebSocket":   {shaken(""), "GET /$iothub/websocket HTTP/1.1\r\nX: " + strings.Repeat("x", 400)},
		"SASL header": {shaken(""), headerSASL[:7]},
		"sasl-init":   {shaken(headerSASL), "\x00\x00\x01\x00\x02\x01\x00\x00" + strings.Repeat("x", 400)},
		"AMQP header": {shaken(""), "AMQP\x00\x01\x00"},
		"open":        {shaken("AMQP\x00\x01\x00\x00"), "\x00\x00\x01\x00\x02\x00\x00\x00" + strings.Repeat("x", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, r *rig) {
				begun := time.Now()
				nc := c.open(r)
				var writing sync.WaitGroup
				writing.Go(func() {
					for i := range c.says {
						time.Sleep(time.Second)
						if _, err := io.WriteString(nc, c.says[i:i+1]); err != nil {
							return
						}
					}
				})
				_, _ = io.Copy(io.Discard, nc)
				if took := time.Since(begun); took < 30*time.Second || took > 70*time.Second {
					t.Errorf("ended after %v", took)
				}
				nc.Close()
				writing.Wait()
				for r.hub.Connections() > 0 {
					time.Sleep(time.Second)
				}
			})
		})
	}
}
