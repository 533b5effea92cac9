package hub_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestCutAndRestore(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "kept", ""))
	d.accepted(d.sender(telemetryAddress("dev1")), amqp.NewMessage([]byte("kept")))
	for range 3 {
		r.hub.Cut()
		r.hub.Cut()
		for _, p := range []*peer{svc, d} {
			select {
			case <-p.conn.Done():
			case <-r.ctx.Done():
				t.Fatal("a connection outlives the cut")
			}
			if condition(p.conn.Err()) != "" {
				t.Errorf("cut connection ended with %v, want no word", p.conn.Err())
			}
		}
		if c, err := net.Dial("tcp", r.hub.Addr()); err == nil {
			c.Close()
			t.Error("the listener outlives the cut")
		}
		r.must(r.hub.Restore())
		r.must(r.hub.Restore())
		svc, d = r.asService(), r.asDevice("dev1")
	}
	if m := d.receive(d.receiver(deviceboundAddress("dev1"), nil)); m.Properties.MessageID != "kept" {
		t.Errorf("received %v", m.Properties.MessageID)
	}
	if n := r.hub.EventCount(); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestServerCertificate(t *testing.T) {
	var keys bytes.Buffer
	r := newRig(t, hub.Options{KeyLog: &keys, HostName: "gateway.example"})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.hub.CAPEM())
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "gateway.example"} {
		c := tls.Client(r.dial(), &tls.Config{RootCAs: pool, ServerName: name})
		r.must(c.HandshakeContext(r.ctx))
		c.Close()
	}
	old := tls.Client(r.dial(), &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err := old.HandshakeContext(r.ctx); err == nil {
		t.Error("TLS 1.1 accepted")
	}
	old.Close()
	if !strings.Contains(keys.String(), "CLIENT_TRAFFIC_SECRET_0") {
		t.Error("nothing in the key log")
	}
	if want := "gateway.example:" + strings.TrimPrefix(r.hub.Addr(), "127.0.0.1:"); r.hub.HostName() != want {
		t.Errorf("host name %s, want %s", r.hub.HostName(), want)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	var log logText
	r := newRig(t, hub.Options{MaxConnections: 1, Log: log.logger()})
	c, err := r.open(nil)
	r.must(err)
	for range 3 {
		second := r.dial()
		defer second.Close()
		if n, err := second.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d bytes of a connection too many", n)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("warned %d times of three connections too many, want once:\n%s", n, log.String())
	}
	if n := r.hub.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := c.NewSession(r.ctx, nil); err != nil {
		t.Errorf("the first connection: %v", err)
	}
}

// logText is what a hub has logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func TestEndOfAConnectionIsLoggedWithItsReason(t *testing.T) {
	for want, end := range map[string]func(*rig, net.Conn, *peer){
		"peer dropped the connection without a close": func(_ *rig, nc net.Conn, _ *peer) { nc.Close() },
		"amqp:unauthorized-access":                    func(r *rig, _ net.Conn, _ *peer) { r.must(r.hub.DisableDevice("dev1")) },
		"":                                            func(_ *rig, _ net.Conn, p *peer) { p.conn.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			var log logText
			r := newMemoryRig(t, hub.Options{Log: log.logger()})
			r.device("dev1")
			nc := r.tls()
			c, err := r.openOn(nc, amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
			r.must(err)
			p := r.peer(c)
			p.sender(telemetryAddress("dev1"))
			end(r, nc, p)
			synctest.Wait()
			text := log.String()
			if ended := strings.Contains(text, "connection ended"); ended != (want != "") || !strings.Contains(text, want) {
				t.Errorf("log without %q:\n%s", want, text)
			}
		})
	}
}

// What strangers write is cut down before it is logged.
func TestLogLinesAreBounded(t *testing.T) {
	var log logText
	r := newRig(t, hub.Options{Log: log.logger()})
	c, err := r.open(nil)
	r.must(err)
	if _, err := r.peer(c).session.NewReceiver(r.ctx, strings.Repeat("x", 3000), nil); err == nil {
		t.Fatal("link opened")
	}
	for line := range strings.Lines(log.String()) {
		if len(line) > 500 {
			t.Errorf("line of %d bytes: %.100s", len(line), line)
		}
	}
	if !strings.Contains(log.String(), "link refused") {
		t.Errorf("no line about the link:\n%s", log.String())
	}
}

func TestRunEndsConnections(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	r := &rig{TB: t, ctx: context.Background(), hub: h}
	r.dial = func() net.Conn {
		c, err := net.Dial("tcp", h.Addr())
		r.must(err)
		return c
	}
	c, err := r.open(nil)
	r.must(err)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-c.Done()
	if n := h.Connections(); n != 0 {
		t.Errorf("%d connections after Run", n)
	}
	if err := h.Restore(); err == nil {
		t.Error("restored after the end")
	}
}
