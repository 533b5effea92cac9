package uplink_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

// footprint is what a process holds.
type footprint struct {
	goroutines, descriptors int
	heap                    int64 // bytes
}

func weigh() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f := footprint{goroutines: runtime.NumGoroutine(), descriptors: -1, heap: int64(m.HeapAlloc)}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.descriptors = len(open)
	}
	return f
}

// Connections come and go thousands of times, over real sockets: goroutines,
// descriptors and memory stay what they were. Hub and store are in the same
// process and are weighed along.
func TestReconnectsLeaveNothingBehind(t *testing.T) {
	rounds := count(t, "FIELDPOST_RECONNECTS", 200)
	r := &rig{t: t}
	r.build(hub.Options{LogBytes: 256 << 10}, store.Options{})
	var mu sync.Mutex
	var raw net.Conn
	r.opts.Dial = func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", id.Addr)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		raw = nc
		mu.Unlock()
		c := tls.Client(nc, &tls.Config{ServerName: "localhost", RootCAs: id.RootCAs})
		if err := c.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		return c, nil
	}
	r.opts.StableAfter, r.opts.BackoffMin, r.opts.BackoffMax = time.Nanosecond, time.Millisecond, 5*time.Millisecond
	r.opts.OnState = func(uplink.LinkState) { r.bell.ring() }
	r.with = []uplink.Tenant{receiving()}
	r.start()

	const rows = 10
	table(t, "reconnects  goroutines  descriptors  heap KB  accepted")
	var first, last footprint
	for i := range rows {
		for j := range rounds / rows {
			n := uint64(i*(rounds/rows) + j + 1)
			r.append(1)
			r.drained()
			if j%4 == 0 {
				r.hub.Cut()
				if err := r.hub.Restore(); err != nil {
					t.Fatal(err)
				}
			} else {
				mu.Lock()
				raw.Close()
				mu.Unlock()
			}
			r.until("the next connection", func(s uplink.LinkState) bool { return s.Connects >= n && s.Tenants[0].Serving && s.Tenants[1].Serving })
		}
		r.append(1)
		r.drained()
		r.until("both tenants", func(s uplink.LinkState) bool { return s.Tenants[0].Serving && s.Tenants[1].Serving })
		if last = weigh(); i == 0 {
			first = last
		}
		s := r.link.State()
		table(t, "%10d  %10d  %11d  %7d  %8d", s.Connects-1, last.goroutines, last.descriptors, last.heap>>10, r.drain.Stats().Accepted)
	}
	must(t, r.link.State().Connects > uint64(rounds)*9/10, "state %+v", r.link.State())
	must(t, last.goroutines <= first.goroutines+10, "goroutines %d, at first %d", last.goroutines, first.goroutines)
	must(t, last.descriptors <= first.descriptors+5, "descriptors %d, at first %d", last.descriptors, first.descriptors)
	must(t, last.heap <= first.heap+2<<20, "heap %d, at first %d", last.heap, first.heap)
}
