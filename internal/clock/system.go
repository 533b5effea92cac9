package clock

import (
	"crypto/rand"
	"sync"
	"time"
)

// System returns the clock of this machine.
//
// On Linux BootTime is CLOCK_BOOTTIME, Boot is the kernel's boot_id, and Trust
// is TrustSynced while adjtimex(2) does not report STA_UNSYNC. On other systems
// nothing tells whether the wall clock is disciplined and which boot this is:
// Trust is at most TrustPlausible, and each call of System begins a boot of its
// own, with a random id and BootTime counted from the first stamp.
func System() Clock { return &systemClock{} }

type systemClock struct {
	once  sync.Once
	boot  [16]byte
	begin time.Time // of the first stamp; stands for the boot where the kernel does not tell
}

// Now implements Clock.
func (c *systemClock) Now() Stamp {
	c.once.Do(func() {
		c.begin = time.Now()
		boot, ok := bootID()
		if !ok {
			_, _ = rand.Read(boot[:])
		}
		c.boot = boot
	})
	since, ok := bootTime()
	if !ok {
		since = time.Since(c.begin)
	}
	wall := time.Now().UTC().Round(0)
	return Stamp{Boot: c.boot, BootTime: since, Wall: wall, Trust: trust(wall, disciplined())}
}

// trust judges a wall clock: no discipline makes an impossible time true.
func trust(wall time.Time, disciplined bool) Trust {
	switch {
	case wall.Before(Floor):
		return TrustNone
	case disciplined:
		return TrustSynced
	default:
		return TrustPlausible
	}
}
