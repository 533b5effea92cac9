package uplink

import (
	"testing"
	"time"
)

func TestBackoffBounds(t *testing.T) {
	const lo, hi = time.Second, 5 * time.Minute
	for range 200 {
		b := backoff{min: lo, max: hi}
		top := lo
		for n := 1; n <= 20; n++ {
			top = min(2*top, hi)
			if d := b.next(); d < lo || d > top {
				t.Fatalf("delay %d is %s, want %s..%s", n, d, lo, top)
			}
		}
		b.reset()
		if d := b.next(); d > 2*lo {
			t.Fatalf("first delay after reset is %s", d)
		}
	}
}

func TestBackoffSlowCurveIsLonger(t *testing.T) {
	const lo, hi = time.Second, 5 * time.Minute
	for range 200 {
		b := backoff{min: lo, max: hi}
		if d := b.slow(refusedFactor); d < 30*lo || d > 60*lo {
			t.Fatalf("first slow delay is %s", d)
		}
		for range 10 {
			b.slow(refusedFactor)
		}
		if d := b.slow(refusedFactor); d < 30*lo || d > hi {
			t.Fatalf("late slow delay is %s", d)
		}
		// A floor above the ceiling still leaves room for jitter.
		short := backoff{min: lo, max: 10 * lo}
		if d := short.slow(refusedFactor); d < 5*lo || d > 10*lo {
			t.Fatalf("slow delay under a low ceiling is %s", d)
		}
	}
}

func TestBackoffSpreads(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 50 {
		b := backoff{min: time.Second, max: time.Minute}
		b.next()
		seen[b.next()] = true
	}
	if len(seen) < 40 {
		t.Fatalf("50 devices share %d delays", len(seen))
	}
}
