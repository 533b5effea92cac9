//go:build unix

package hub_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// The scale benchmarks run hub and clients in one process, over TLS on the
// loopback interface; what they report is of both ends together.
const (
	scaleDevices = 1000
	scaleEvery   = 100 * time.Millisecond // between two messages of a device
	scaleFor     = 10 * time.Second
	scaleEvents  = 1_000_000
	scaleRead    = 100_000 // of them
)

// reading is a message of 200 bytes with three properties.
func reading() *amqp.Message {
	m := amqp.NewMessage(make([]byte, 200))
	m.ApplicationProperties = map[string]any{"sensor": "bme280", "seq": "1", "quality": "good"}
	return m
}

// fleet is a number of devices, each on a connection of its own.
type fleet struct {
	*rig
	senders []*amqp.Sender
}

func newFleet(r *rig, n int) *fleet {
	f := &fleet{rig: r, senders: make([]*amqp.Sender, n)}
	for i := range n {
		r.device(fmt.Sprint("device-", i))
	}
	var next atomic.Int64
	f.each(8, func(int) {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			id := fmt.Sprint("device-", i)
			f.senders[i] = r.asDevice(id).sender(telemetryAddress(id))
		}
	})
	return f
}

// each runs do n times at once.
func (f *fleet) each(n int, do func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
	if f.Failed() {
		f.FailNow()
	}
}

// follow reads all partitions until the returned function is called, which
// returns how many events came.
func (f *fleet) follow(partitions int) (stop func() int64) {
	svc := f.asService()
	var seen atomic.Int64
	var all sync.WaitGroup
	for i := range partitions {
		in := svc.receiver(groupAddress("$Default", i), &amqp.ReceiverOptions{Credit: 1000})
		all.Go(func() {
			for {
				m, err := in.Receive(f.ctx, nil)
				if err == nil {
					err = in.AcceptMessage(f.ctx, m)
				}
				if err != nil {
					return
				}
				seen.Add(1)
			}
		})
	}
	return func() int64 {
		for seen.Load() < f.hub.EventCount() && f.ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		svc.conn.Close()
		all.Wait()
		return seen.Load()
	}
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapMB() float64 {
	runtime.GC()
	runtime.GC() // the first one only makes garbage of what was cached
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// BenchmarkScale connects a thousand devices, lets each send ten messages a
// second, then all as fast as they can, with a reader on each partition.
func BenchmarkScale(b *testing.B) {
	for b.Loop() {
		h := newRig(b, hub.Options{})
		h.hang(5 * time.Minute)
		before, began := heapMB(), time.Now()
		f := newFleet(h, scaleDevices)
		b.ReportMetric(scaleDevices/time.Since(began).Seconds(), "connects/s")
		b.ReportMetric((heapMB()-before)*1e3/scaleDevices, "KB/device")
		if n := h.hub.Connections(); n != scaleDevices {
			b.Fatalf("%d connections", n)
		}
		stop := f.follow(4)
		f.paced(b)
		f.flood(b)
		logged := h.hub.EventCount()
		if seen := stop(); seen != logged {
			b.Errorf("%d events read of %d", seen, logged)
		}
	}
}

// paced sends at the rate the benchmark is named for.
func (f *fleet) paced(b *testing.B) {
	latencies := make([][]time.Duration, len(f.senders))
	began, used := time.Now(), processorTime()
	f.each(len(f.senders), func(i int) {
		time.Sleep(scaleEvery * time.Duration(i) / time.Duration(len(f.senders)))
		tick := time.NewTicker(scaleEvery)
		defer tick.Stop()
		for time.Since(began) < scaleFor {
			<-tick.C
			at := time.Now()
			if err := f.senders[i].Send(f.ctx, reading(), nil); err != nil {
				b.Error(err)
				return
			}
			latencies[i] = append(latencies[i], time.Since(at))
		}
	})
	wall := time.Since(began)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/wall.Seconds(), "paced-msg/s")
	b.ReportMetric(all[len(all)/2].Seconds()*1e3, "paced-p50-ms")
	b.ReportMetric(all[len(all)*99/100].Seconds()*1e3, "paced-p99-ms")
	b.ReportMetric(float64(processorTime()-used)/float64(wall), "paced-cpus")
	b.ReportMetric((processorTime()-used).Seconds()*1e6/float64(len(all)), "paced-cpu-us/msg")
}

// flood sends one message after the other on every link.
func (f *fleet) flood(b *testing.B) {
	began, used := time.Now(), processorTime()
	before := f.hub.EventCount()
	f.each(len(f.senders), func(i int) {
		for time.Since(began) < scaleFor/2 {
			if err := f.senders[i].Send(f.ctx, reading(), nil); err != nil {
				b.Error(err)
				return
			}
		}
	})
	wall := time.Since(began)
	sent := float64(f.hub.EventCount() - before)
	b.ReportMetric(sent/wall.Seconds(), "flood-msg/s")
	b.ReportMetric(float64(processorTime()-used)/float64(wall), "flood-cpus")
	b.ReportMetric((processorTime()-used).Seconds()*1e6/sent, "flood-cpu-us/msg")
}

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
	f.each(senders, func(i int) {
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
