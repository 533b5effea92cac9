package uplink

import (
	"math/rand/v2"
	"time"
)

// Longer curves start at these multiples of BackoffMin: being throttled is made
// worse by asking again, a refused identity needs a person, and two clients with
// one identity take it from each other as often as they try.
const (
	throttledFactor = 10
	refusedFactor   = 30
	twiceFactor     = 30
)

// quickFactor is for how many BackoffMin after the end of a good connection the
// network is tried every one to two BackoffMin: most outages are a hub that
// restarts or a line that is back within seconds. A thousand devices are then
// spread over these seconds, and leave them for the usual curve.
const quickFactor = 30

// backoff yields delays with full jitter over a floor: the n-th is drawn evenly
// from min to min*2^n, cut at max. So a thousand devices that lost the same hub
// do not come back together, and none of them ever hammers.
type backoff struct {
	min, max time.Duration
	n        int
}

func (b *backoff) next() time.Duration {
	b.n++
	return b.stretched(1)
}

// quick is the first delay of the curve, again and again.
func (b *backoff) quick() time.Duration {
	first := backoff{min: b.min, max: b.max}
	return first.next()
}

// slow is next on the curve that starts at factor*min.
func (b *backoff) slow(factor int) time.Duration {
	b.n++
	return b.stretched(factor)
}

func (b *backoff) stretched(factor int) time.Duration {
	floor := min(b.min*time.Duration(factor), b.max)
	top := floor
	for range b.n {
		if top *= 2; top >= b.max {
			top = b.max
			break
		}
	}
	if top <= floor {
		// At the ceiling the jitter goes below it, or all would meet there.
		floor = top / 2
	}
	return floor + rand.N(top-floor+1)
}

func (b *backoff) reset() { b.n = 0 }
