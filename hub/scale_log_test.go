//go:build unix

package hub_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

const (
	scaleEvents = 1_000_000
	scaleRead   = 100_000 // of them
)

// fleet is a number of devices in this process, each on a connection of its own.
type fleet struct {
	*rig
	senders []*amqp.Sender
}

func newFleet(r *rig, n int) *fleet {
	f := &fleet{rig: r, senders: make([]*amqp.Sender, n)}
	for i := range n {
		id := fmt.Sprint("device-", i)
		r.device(id)
		f.senders[i] = r.asDevice(id).sender(telemetryAddress(id))
	}
	return f
}

// each runs do n times at once.
func each(t testing.TB, n int, do func(int)) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func heapMB() float64 { return float64(heap()) / 1e6 }

// BenchmarkScaleLog logs a million events, in batches, and reads a part of them
// back.
func BenchmarkScaleLog(b *testing.B) {
	cases := []struct {
		name string
		opts func(testing.TB) hub.Options
	}{
		{"trim", func(testing.TB) hub.Options { return hub.Options{} }},
		{"spill", func(t testing.TB) hub.Options { return hub.Options{SpillDir: t.TempDir(), SpillBytes: 4 << 30} }},
		{"memory", func(testing.TB) hub.Options { return hub.Options{LogBytes: 4 << 29} }},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				logMillion(b, c.opts(b))
			}
		})
	}
}

func logMillion(b *testing.B, opts hub.Options) {
	const senders, perBatch = 8, 500
	h := newRig(b, opts)
	h.hang(5 * time.Minute)
	f := newFleet(h, senders)
	encoded, err := reading().MarshalBinary()
	h.must(err)
	batch := &amqp.Message{Format: batchFormat}
	for range perBatch {
		batch.Data = append(batch.Data, encoded)
	}
	before, began := heapMB(), time.Now()
	each(b, senders, func(i int) {
		for range scaleEvents / senders / perBatch {
			if err := f.senders[i].Send(f.ctx, batch, nil); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(scaleEvents/time.Since(began).Seconds(), "logged/s")
	b.ReportMetric(heapMB()-before, "heap-MB")
	held, onDisk := h.hub.Held()
	b.ReportMetric(float64(held), "held")
	b.ReportMetric(float64(onDisk)/1e6, "disk-MB")
	n := min(held, scaleRead)
	b.ReportMetric(float64(n)/f.readBack(n).Seconds(), "read/s")
}

// readBack reads the oldest n events there are, by one reader a partition.
func (f *fleet) readBack(n int64) time.Duration {
	svc := f.asService()
	began := time.Now()
	var left atomic.Int64
	left.Store(n)
	done := make(chan struct{})
	for i := range 4 {
		in := svc.receiver(groupAddress("$Default", i), &amqp.ReceiverOptions{Credit: 1000})
		go func() {
			for {
				m, err := in.Receive(f.ctx, nil)
				if err == nil {
					err = in.AcceptMessage(f.ctx, m)
				}
				if err != nil {
					return
				}
				if left.Add(-1) == 0 {
					close(done)
				}
			}
		}()
	}
	select {
	case <-done:
	case <-f.ctx.Done():
		f.Errorf("%d events of %d never came", left.Load(), n)
	}
	took := time.Since(began)
	svc.conn.Close()
	return took
}
