package hub_test

import (
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// BenchmarkTelemetry sends 200-byte messages through one device link with 512
// of them unanswered.
func BenchmarkTelemetry(b *testing.B) {
	h := newRig(b, hub.Options{})
	h.device("dev1")
	d := h.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	m := amqp.NewMessage(make([]byte, 200))
	m.ApplicationProperties = map[string]any{"sensor": "bme280", "seq": "1", "quality": "good"}
	receipts := make(chan amqp.SendReceipt, 512)
	done := make(chan error, 1)
	go func() {
		for range b.N {
			receipt := <-receipts
			if _, err := receipt.Wait(h.ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	b.ResetTimer()
	for range b.N {
		receipt, err := s.SendWithReceipt(h.ctx, m, nil)
		h.must(err)
		select {
		case receipts <- receipt:
		case err := <-done:
			b.Fatal(err)
		}
	}
	h.must(<-done)
	if n := h.hub.EventCount(); n != int64(b.N) {
		b.Errorf("%d events logged of %d", n, b.N)
	}
}
