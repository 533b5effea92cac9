package uplink_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

const (
	benchMessages   = 20000
	benchSequential = 3000
	benchWindow     = 512
)

// BenchmarkDrain compares, over one local hub and TLS on loopback, messages of
// 200 bytes with three properties: Send one after the other, SendWithReceipt with
// a window of 512 and nothing else, and the Drain with that window from the memory
// of the store. The last metrics are the ratios.
func BenchmarkDrain(b *testing.B) {
	r := &rig{t: b}
	r.build(hub.Options{}, store.Options{MaxMemory: 256 << 20, MaxBytes: 1 << 30, CommitEvery: time.Hour, CommitBytes: 1 << 30})
	r.dopts.Window, r.dopts.WindowBytes = benchWindow, 8<<20
	var sequential, receipts, drain time.Duration
	rounds := 0
	for b.Loop() {
		sequential += benchSender(b, r, sendSequentially)
		receipts += benchSender(b, r, sendWithReceipts)
		drain += benchDrain(b, r)
		rounds++
	}
	perSecond := func(n int, d time.Duration) float64 { return float64(n*rounds) / d.Seconds() }
	seq, raw, ours := perSecond(benchSequential, sequential), perSecond(benchMessages, receipts), perSecond(benchMessages, drain)
	b.ReportMetric(seq, "sequential-msg/s")
	b.ReportMetric(raw, "receipts512-msg/s")
	b.ReportMetric(ours, "drain512-msg/s")
	b.ReportMetric(ours/raw, "drain/receipts")
	b.ReportMetric(ours/seq, "drain/sequential")
	b.ReportMetric(0, "ns/op")
}

func benchSender(b *testing.B, r *rig, send func(context.Context, *testing.B, *amqp.Sender)) time.Duration {
	b.Helper()
	ctx := b.Context()
	id := r.identity()
	nc, err := tls.Dial("tcp", id.Addr, &tls.Config{RootCAs: id.RootCAs})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := amqp.NewConn(ctx, nc, &amqp.ConnOptions{HostName: id.Host, SASLType: amqp.SASLTypeAnonymous()})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	audience := auth.Audience(id.Host, id.DeviceID, "")
	if err := auth.PutToken(ctx, conn, audience, id.Key.Sign(audience, "", time.Now().Add(time.Hour))); err != nil {
		b.Fatal(err)
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	sender, err := session.NewSender(ctx, "/devices/"+id.DeviceID+"/messages/events", nil)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	send(ctx, b, sender)
	return time.Since(began)
}

func benchMessage() *amqp.Message {
	contentType, encoding := "application/json", "utf-8"
	return &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", ContentType: &contentType, ContentEncoding: &encoding},
		ApplicationProperties: map[string]any{"sensor": "boiler", "seq": "42", "iothub-creation-time-utc": "2026-03-04T05:06:07.089Z"},
		Annotations:           amqp.Annotations{"dt-subject": "boiler"},
		Data:                  [][]byte{benchBody()},
	}
}

func benchBody() []byte { return []byte(`{"x":"` + strings.Repeat("x", 192) + `"}`) }

func sendSequentially(ctx context.Context, b *testing.B, sender *amqp.Sender) {
	for range benchSequential {
		if err := sender.Send(ctx, benchMessage(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func sendWithReceipts(ctx context.Context, b *testing.B, sender *amqp.Sender) {
	receipts := make(chan amqp.SendReceipt, benchWindow)
	done := make(chan error, 1)
	go func() {
		for r := range receipts {
			if _, err := r.Wait(ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range benchMessages {
		r, err := sender.SendWithReceipt(ctx, benchMessage(), nil)
		if err != nil {
			b.Fatal(err)
		}
		receipts <- r
	}
	close(receipts)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func benchDrain(b *testing.B, r *rig) time.Duration {
	b.Helper()
	body := benchBody()
	for range benchMessages {
		_, err := r.store.Append(b.Context(), store.Record{
			ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: r.clock.Now(),
			Subject: "boiler", ContentType: "application/json", Props: map[string]string{"sensor": "boiler"}, Body: body,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	r.opts.OnState = func(uplink.LinkState) {}
	began := time.Now()
	r.start()
	r.drained()
	took := time.Since(began)
	r.stop()
	return took
}
