package clock

import (
	"sync"
	"time"
)

// Fake is a clock for tests. It stands still until Advance, unless Follow was
// called. It is safe for concurrent use.
type Fake struct {
	mu     sync.Mutex
	now    Stamp
	follow bool
	seen   time.Time // package time at the last look, while following
}

// NewFake returns a synced clock at start, in the first moment of its boot.
func NewFake(start time.Time) *Fake {
	return &Fake{now: Stamp{Boot: [16]byte{1}, Wall: start.UTC().Round(0), Trust: TrustSynced}}
}

// Now implements Clock.
func (f *Fake) Now() Stamp {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	return f.now
}

// Advance moves the clock by d, boot time and wall time alike.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.move(d)
}

// SetTrust says from now on how far the wall clock may be believed.
func (f *Fake) SetTrust(t Trust) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Trust = t
}

// SetWall steps the wall clock, as NTP does when it first sets it. The boot
// time is not touched.
func (f *Fake) SetWall(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.now.Wall = at.UTC().Round(0)
}

// Reboot begins another boot, with boot time 0. Wall clock and trust stay.
func (f *Fake) Reboot() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.now.Boot[0]++
	f.now.BootTime = 0
}

// Follow makes the clock move with package time as well, which is virtual in a
// testing/synctest bubble, and returns the clock.
func (f *Fake) Follow() *Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follow, f.seen = true, time.Now()
	return f
}

func (f *Fake) catchUp() {
	if !f.follow {
		return
	}
	now := time.Now()
	f.move(now.Sub(f.seen))
	f.seen = now
}

func (f *Fake) move(d time.Duration) {
	f.now.BootTime += d
	f.now.Wall = f.now.Wall.Add(d)
}
