package hub_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

const socketPath = "/$iothub/websocket"

// socketClient is the client side of a WebSocket as a stream, small frames and
// all.
type socketClient struct {
	net.Conn
	in   *bufio.Reader
	left uint64
}

// upgrade asks for a WebSocket and returns the answer.
func (r *rig) upgrade(nc net.Conn, path, subprotocol string) (*socketClient, *http.Response) {
	r.Helper()
	_, err := io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "+subprotocol+"\r\n\r\n")
	r.must(err)
	c := &socketClient{Conn: nc, in: bufio.NewReader(nc)}
	answer, err := http.ReadResponse(c.in, nil)
	r.must(err)
	return c, answer
}

// socket opens a WebSocket for AMQP.
func (r *rig) socket(nc net.Conn, path string) *socketClient {
	r.Helper()
	c, answer := r.upgrade(nc, path, "AMQPWSB10")
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Protocol") != "AMQPWSB10" {
		r.Fatalf("upgrade of %s: %s, subprotocol %q", path, answer.Status, answer.Header.Get("Sec-WebSocket-Protocol"))
	}
	return c
}

func (c *socketClient) Read(p []byte) (int, error) {
	for c.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(c.in, head[:2]); err != nil {
			return 0, err
		}
		if head[0] != 0x82 {
			return 0, io.EOF // a close frame
		}
		switch c.left = uint64(head[1]); c.left {
		case 126:
			if _, err := io.ReadFull(c.in, head[:2]); err != nil {
				return 0, err
			}
			c.left = uint64(binary.BigEndian.Uint16(head[:]))
		case 127:
			if _, err := io.ReadFull(c.in, head[:]); err != nil {
				return 0, err
			}
			c.left = binary.BigEndian.Uint64(head[:])
		}
	}
	n, err := c.in.Read(p[:min(uint64(len(p)), c.left)])
	c.left -= uint64(n)
	return n, err
}

// Write sends messages of up to 1000 bytes, so that AMQP frames span them.
func (c *socketClient) Write(p []byte) (int, error) {
	mask := [4]byte{1, 2, 3, 4}
	for at := 0; at < len(p); {
		part := p[at:min(at+1000, len(p))]
		frame := append([]byte{0x82, 0x80 | 126, byte(len(part) >> 8), byte(len(part))}, mask[:]...)
		for i, b := range part {
			frame = append(frame, b^mask[i&3])
		}
		if _, err := c.Conn.Write(frame); err != nil {
			return at, err
		}
		at += len(part)
	}
	return len(p), nil
}

func TestAMQPOverWebSocket(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	for _, path := range []string{socketPath, socketPath + "?iothub-no-client-cert=true", "/$servicebus/websocket", "/%24iothub/WebSocket"} {
		c, err := r.openOn(r.socket(r.tls(), path), nil)
		r.must(err)
		p := r.peer(c)
		p.cbs().put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
		big := bytes.Repeat([]byte("0123456789"), 20_000)
		p.accepted(p.sender(telemetryAddress("dev1")), amqp.NewMessage(big))
		events := r.hub.Events()
		if got := events[len(events)-1].Body; !bytes.Equal(got, big) {
			t.Errorf("%s: event with %d bytes, want %d", path, len(got), len(big))
		}
		s := r.asService()
		s.accepted(s.sender("/messages/devicebound"), command("dev1", path, "none"))
		in := p.receiver(deviceboundAddress("dev1"), nil)
		m := p.receive(in)
		if m.Properties.MessageID != path {
			t.Errorf("received %v, want %s", m.Properties.MessageID, path)
		}
		r.must(in.AcceptMessage(r.ctx, m))
		r.must(c.Close())
	}
	// With SASL, as Event Hubs clients do.
	c, err := r.openOn(r.socket(r.tls(), "/$servicebus/websocket"), amqp.SASLTypePlain("service", r.serviceKey()))
	r.must(err)
	r.peer(c).sender("fieldpost/$management")
}

func TestWebSocketRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	for _, tc := range []struct {
		path, subprotocol string
		status            int
	}{
		{"/", "AMQPWSB10", http.StatusNotFound},
		{"/devices/dev1", "AMQPWSB10", http.StatusNotFound},
		{socketPath, "mqtt", http.StatusBadRequest},
	} {
		c := r.tls()
		_, answer := r.upgrade(c, tc.path, tc.subprotocol)
		if answer.StatusCode != tc.status {
			t.Errorf("%s with %s: %s, want %d", tc.path, tc.subprotocol, answer.Status, tc.status)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the refusal %d bytes, %v", n, err)
		}
	}
}

// Without WebSocket a request gets what every stranger to AMQP gets: its header.
func TestNoWebSocket(t *testing.T) {
	r := newRig(t, hub.Options{NoWebSocket: true})
	c := r.tls()
	_, err := io.WriteString(c, "GET "+socketPath+" HTTP/1.1\r\n\r\n")
	r.must(err)
	got, err := io.ReadAll(c)
	if string(got) != "AMQP\x00\x01\x00\x00" || err != nil {
		t.Errorf("answer is %q, %v", got, err)
	}
	if url := r.hub.WebSocketURL(); url != "" {
		t.Errorf("the address is %q", url)
	}
	if r := newRig(t, hub.Options{}); r.hub.WebSocketURL() != "wss://"+r.hub.HostName()+socketPath {
		t.Errorf("the address is %q", r.hub.WebSocketURL())
	}
}

// Cut ends WebSocket connections as it ends the others, and a peer whose token
// came by PLAIN is dropped at once.
func TestWebSocketConnectionsAreDropped(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	drops := map[string]func(){
		"cut":    r.hub.Cut,
		"revoke": func() { r.must(r.hub.RemoveDevice("dev1")) },
	}
	for _, name := range []string{"revoke", "cut"} {
		if name == "cut" {
			r.device("dev1")
		}
		c, err := r.openOn(r.socket(r.tls(), socketPath), amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
		r.must(err)
		r.peer(c).sender(telemetryAddress("dev1"))
		drops[name]()
		select {
		case <-c.Done():
		case <-r.ctx.Done():
			t.Fatalf("%s: the connection is still open", name)
		}
	}
}

// Who connects and says nothing loses the place after half a minute, whatever the
// handshake it is in.
func TestSilentHandshakesEnd(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, r *rig) {
		for _, say := range []string{"", "GET /$iothub/websocket HTTP/1.1\r\n", "AMQP"} {
			c := r.tls()
			_, err := io.WriteString(c, say)
			r.must(err)
			begun := time.Now()
			_, _ = io.Copy(io.Discard, c)
			if took := time.Since(begun); took < 30*time.Second || took > 40*time.Second {
				t.Errorf("after %q: %v", say, took)
			}
		}
	})
}
