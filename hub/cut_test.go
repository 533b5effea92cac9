package hub_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"

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
	r := newRig(t, hub.Options{MaxConnections: 1})
	c, err := r.open(nil)
	r.must(err)
	second := r.dial()
	defer second.Close()
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a connection too many", n)
	}
	if n := r.hub.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := c.NewSession(r.ctx, nil); err != nil {
		t.Errorf("the first connection: %v", err)
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
