package uplink

import (
	"testing"
	"testing/synctest"
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

func TestPaceWindowAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		p := newPace(4, 100, backoff{min: time.Second, max: time.Minute})
		for range 4 {
			if err := p.enter(ctx, 10); err != nil {
				t.Fatal(err)
			}
		}
		entered := make(chan error)
		go func() { entered <- p.enter(ctx, 10) }()
		synctest.Wait()
		select {
		case err := <-entered:
			t.Fatalf("a fifth message entered a window of four: %v", err)
		default:
		}
		p.leave(10)
		if err := <-entered; err != nil {
			t.Fatal(err)
		}

		sent := time.Now()
		time.Sleep(time.Millisecond)
		event, until := p.slow(sent, 1)
		if wait := time.Until(until); event != 1 || wait < time.Second || wait > 2*time.Second {
			t.Fatalf("pause: event %d, %s", event, wait)
		}
		for range 3 {
			if again, still := p.slow(sent, 1); again != 0 || !still.Equal(until) {
				t.Fatal("the other messages of the same moment made the pause longer")
			}
		}
		if limit, inFlight := p.window(); limit != 2 || inFlight != 4 {
			t.Fatalf("window %d, in flight %d, want 2 and 4", limit, inFlight)
		}
		if err := p.enter(ctx, 10); err != errPaused {
			t.Fatalf("entered during a pause: %v", err)
		}
		for range 4 {
			p.leave(10)
		}
		if err := p.ready(ctx); err != nil || time.Now().Before(until) {
			t.Fatalf("ready %s before the pause ends: %v", time.Until(until), err)
		}
		if !p.accepted(time.Now()) || p.accepted(time.Now()) {
			t.Fatal("recovery is told once")
		}
		for range 10 {
			p.accepted(time.Now())
		}
		if limit, _ := p.window(); limit != 4 {
			t.Fatalf("window grew back to %d, want 4", limit)
		}
	})
}

func TestPaceBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(4, 100, backoff{min: time.Second, max: time.Minute})
		if err := p.enter(t.Context(), 1000); err != nil {
			t.Fatalf("one message larger than the window must pass: %v", err)
		}
		entered := make(chan error)
		go func() { entered <- p.enter(t.Context(), 1) }()
		synctest.Wait()
		select {
		case <-entered:
			t.Fatal("the window has no bytes left")
		default:
		}
		p.leave(1000)
		if err := <-entered; err != nil {
			t.Fatal(err)
		}
	})
}
