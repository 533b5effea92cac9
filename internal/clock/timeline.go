package clock

import (
	"sync"
	"time"
)

// UnvouchedUncertainty is reported for a wall time that looks right and that
// nothing vouches for.
const UnvouchedUncertainty = 24 * time.Hour

// relearnStep is how far the wall clock must have moved against the boot clock
// before what was learned is replaced. Below it the same stamp keeps resolving
// to the same time, so that a resent record carries the date it had before.
const relearnStep = 100 * time.Millisecond

// BootTimeline is the Timeline of a process: it learns from its clock when the
// current boot began and dates every stamp of that boot with it, also those
// taken before the clock was set. Of earlier boots it knows only what their
// stamps say themselves. It is safe for concurrent use and never blocks.
type BootTimeline struct {
	clock Clock

	mu     sync.Mutex
	boot   [16]byte
	began  time.Time // wall time of the boot's beginning; zero while unknown
	synced bool      // began comes from a synced clock
}

// NewTimeline returns a timeline that learns from c whenever it resolves.
func NewTimeline(c Clock) *BootTimeline { return &BootTimeline{clock: c} }

// Resolve implements Timeline. A synced stamp is its own wall time; a stamp of
// the current boot is dated by the synced clock once there was one, both with
// uncertainty 0. What is merely plausible comes with UnvouchedUncertainty. A
// stamp without any believable clock in its boot resolves to the zero time.
func (t *BootTimeline) Resolve(s Stamp) (at time.Time, uncertainty time.Duration) {
	if s.Trust == TrustSynced {
		return s.Wall, 0
	}
	began, synced := t.learn(s.Boot)
	return resolve(s, began, synced)
}

// resolve dates a stamp that is not synced by what is known of its boot.
func resolve(s Stamp, began time.Time, synced bool) (at time.Time, uncertainty time.Duration) {
	switch {
	case synced:
		return began.Add(s.BootTime), 0
	case s.Trust == TrustPlausible:
		return s.Wall, UnvouchedUncertainty
	case !began.IsZero():
		return began.Add(s.BootTime), UnvouchedUncertainty
	default:
		return time.Time{}, 0
	}
}

// learn looks at the clock and returns what is now known about boot.
func (t *BootTimeline) learn(boot [16]byte) (began time.Time, synced bool) {
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Boot != t.boot {
		t.boot, t.began, t.synced = now.Boot, time.Time{}, false
	}
	seen := now.Wall.Add(-now.BootTime)
	moved := seen.Sub(t.began).Abs() >= relearnStep
	switch {
	case now.Trust == TrustSynced && (!t.synced || moved):
		t.began, t.synced = seen, true
	case now.Trust == TrustPlausible && !t.synced && moved:
		t.began = seen
	}
	if boot != t.boot {
		return time.Time{}, false
	}
	return t.began, t.synced
}
