package service_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/internal/service"
	"fieldpost/uplink/auth"
)

// hangLimit is far beyond anything a test waits for.
const hangLimit = 60 * time.Second

// bench is a running hub with its clients; all of it ends with the test.
type bench struct {
	*testing.T
	ctx   context.Context
	hub   *hub.Hub
	roots *x509.CertPool
}

func newBench(t *testing.T, opts hub.Options, devices ...string) *bench {
	t.Helper()
	if opts.FeedbackEvery == 0 {
		opts.FeedbackEvery = 10 * time.Millisecond
	}
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range devices {
		if _, err := h.AddDevice(id); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CAPEM())
	return &bench{t, ctx, h, roots}
}

// client dials as the service; the options given win.
func (b *bench) client(opts service.Options) *service.Client {
	b.Helper()
	if opts.ConnectionString == "" {
		opts.ConnectionString = b.hub.ServiceConnectionString()
	}
	opts.RootCAs, opts.Addr = b.roots, b.hub.Addr()
	c, err := service.Dial(b.ctx, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// device opens a session as a device.
func (b *bench) device(id string) *amqp.Session {
	b.Helper()
	text, err := b.hub.DeviceConnectionString(id)
	if err != nil {
		b.Fatal(err)
	}
	cs, err := auth.ParseConnectionString(text)
	if err != nil {
		b.Fatal(err)
	}
	token := cs.SharedAccessKey.Sign(cs.Audience(), "", time.Now().Add(time.Hour))
	conn, err := amqp.Dial(b.ctx, "amqps://"+b.hub.Addr(), &amqp.ConnOptions{
		HostName:  "localhost",
		TLSConfig: &tls.Config{ServerName: "localhost", RootCAs: b.roots},
		SASLType:  amqp.SASLTypePlain(id+"@sas.localhost", token.Reveal()),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	session, err := conn.NewSession(b.ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	return session
}

// telemetry opens a device's link to the event log.
func (b *bench) telemetry(id string) func(body string) {
	b.Helper()
	sender, err := b.device(id).NewSender(b.ctx, "/devices/"+id+"/messages/events", nil)
	if err != nil {
		b.Fatal(err)
	}
	return func(body string) {
		b.Helper()
		if err := sender.Send(b.ctx, amqp.NewMessage([]byte(body)), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// commands opens a device's link to its queue.
func (b *bench) commands(id string) *amqp.Receiver {
	b.Helper()
	receiver, err := b.device(id).NewReceiver(b.ctx, "/devices/"+id+"/messages/devicebound", nil)
	if err != nil {
		b.Fatal(err)
	}
	return receiver
}

// next returns the next event, which must come.
func (b *bench) next(events *service.EventReader) service.Event {
	b.Helper()
	e, err := events.Next(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func (b *bench) events(c *service.Client, from service.From) *service.EventReader {
	b.Helper()
	return b.read(c, service.EventOptions{From: from})
}

func (b *bench) read(c *service.Client, opts service.EventOptions) *service.EventReader {
	b.Helper()
	events, err := c.Events(b.ctx, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { events.Close() })
	return events
}

func deviceIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("device-%d", i)
	}
	return ids
}
