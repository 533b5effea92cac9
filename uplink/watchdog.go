package uplink

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// watchLooks is how many looks the watchdog takes in StallAfter.
	watchLooks = 20
	// movingBytes is what must be written between two looks to count as moving:
	// more than heartbeats are, less than any record in its envelope.
	movingBytes = 64
	// stallFactor is for how many StallAfter bytes may move and nothing be settled.
	stallFactor = 4
)

// stallError says that a tenant did not get on although it should.
type stallError struct {
	tenant string
	within time.Duration
}

func (e *stallError) Error() string {
	return fmt.Sprintf("%s has work and nothing was settled within %s", e.tenant, e.within)
}

// vigil is what the watchdog knows of one tenant.
type vigil struct {
	tenant  Tenant
	who     Progresser
	moved   uint64
	written int64
	settled time.Time // when it last got on, or had nothing to do
	active  time.Time // when it last did, or bytes were written
}

// look takes in what a tenant and its connection have done since the last look.
func (v *vigil) look(now time.Time, p Progress, written int64) {
	if p.Moved != v.moved || !p.Waiting {
		v.moved, v.settled, v.active = p.Moved, now, now
	}
	if written-v.written >= movingBytes {
		v.active = now
	}
	v.written = written
}

// stalled reports whether nothing moves, or bytes do and nothing comes of it.
func (v *vigil) stalled(now time.Time, after time.Duration) bool {
	return now.Sub(v.active) >= after || now.Sub(v.settled) >= stallFactor*after
}

// watchdog looks after the tenants of one connection that tell of their progress.
type watchdog struct {
	meter *meter
	mu    sync.Mutex
	over  []*vigil
}

func newWatchdog(tenants []Tenant, m *meter) *watchdog {
	w, now := &watchdog{meter: m}, time.Now()
	for _, t := range tenants {
		if who, ok := t.(Progresser); ok {
			w.over = append(w.over, &vigil{tenant: t, who: who, settled: now, active: now})
		}
	}
	return w
}

// look looks at all of them and returns one for which f holds.
func (w *watchdog) look(f func(*vigil, time.Time) bool) Tenant {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, written := time.Now(), w.meter.written.Load()
	for _, v := range w.over {
		v.look(now, v.who.Progress(), written)
	}
	for _, v := range w.over {
		if f(v, now) {
			return v.tenant
		}
	}
	return nil
}

// oversee gives the connection up when a tenant makes no progress although it
// should: whatever the reason is, everything from the name of the hub on is done
// anew.
func (c *connection) oversee(ctx context.Context) {
	after := c.link.opts.StallAfter
	tick := time.NewTicker(after / watchLooks)
	defer tick.Stop()
	for {
		c.link.pulse.Rest(time.Now().Add(after / watchLooks))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if t := c.dog.look(func(v *vigil, now time.Time) bool { return v.stalled(now, after) }); t != nil {
			c.link.change(func(s *LinkState) { s.Rebuilds++ })
			c.fail(&stallError{t.Name(), after})
			return
		}
	}
}

// needed reports whether a tenant other than t gets on over this connection, so
// that it must not be given up for what happened to t alone.
func (c *connection) needed(t Tenant) bool {
	within := c.link.opts.OpTimeout
	return c.dog.look(func(v *vigil, now time.Time) bool { return v.tenant != t && now.Sub(v.settled) < within }) != nil
}
