// Package clock dates things on a machine that may not know what time it is.
//
// A gateway without a clock chip boots in 1970, or at the moment of its last
// shutdown. So nothing is dated by wall time alone: a Stamp carries the boot it
// was taken in, the time since that boot, and the wall clock together with how
// far it could be trusted at that moment. What was learned later about the same
// boot is applied when a stamp is resolved, never by rewriting the stamp.
//
// A [Clock] takes stamps: [System] is the machine's, [Fake] a test's. A
// [BootTimeline] is the [Timeline] that learns from a clock when this boot began.
// An [Earliest] says how early the present can be at most, and a [FloorFile] keeps
// that over restarts.
// None of them blocks or fails, but for the file; what is not known is said by Trust, and by a zero time
// when a stamp is resolved.
//
// The package is a leaf: every part of the agent may import it.
package clock

import "time"

// Trust says how far a wall clock could be believed when it was read.
type Trust byte

const (
	// TrustNone marks a wall clock that cannot be right: it lies before Floor.
	TrustNone Trust = iota
	// TrustPlausible marks a wall clock that may be right; nothing vouches for it.
	TrustPlausible
	// TrustSynced marks a wall clock that the kernel reports as disciplined by NTP or a clock chip.
	TrustSynced
)

// String returns "none", "plausible" or "synced".
func (t Trust) String() string {
	switch t {
	case TrustPlausible:
		return "plausible"
	case TrustSynced:
		return "synced"
	default:
		return "none"
	}
}

// Floor is a moment that every true wall clock has passed. A clock that reads
// earlier was never set.
var Floor = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Stamp is one moment, as the gateway knew it when it happened.
type Stamp struct {
	Boot     [16]byte      // random id of the boot, from /proc/sys/kernel/random/boot_id
	BootTime time.Duration // since that boot, suspend included (CLOCK_BOOTTIME)
	Wall     time.Time     // the wall clock as believed when taken, UTC
	Trust    Trust         // how far Wall could be believed when taken
}

// Clock takes stamps. It is injected everywhere, because CLOCK_BOOTTIME cannot
// be made virtual by testing/synctest.
type Clock interface {
	Now() Stamp
}

// Timeline resolves a stamp with what was learned later about its boot.
type Timeline interface {
	// Resolve returns the best known wall time of s and how far it may be off.
	// A zero time means that nothing is known.
	Resolve(s Stamp) (at time.Time, uncertainty time.Duration)
}
