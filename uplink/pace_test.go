package uplink

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func testPace(window, bytes int, change func(*DrainOptions)) *pace {
	o := DrainOptions{Window: window, WindowBytes: bytes, BackoffMin: time.Second, BackoffMax: time.Minute}
	if change != nil {
		change(&o)
	}
	o.setDefaults()
	return newPace(&o)
}

func TestPaceWindowAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		p := testPace(4, 100, nil)
		for range 4 {
			if err := p.enter(ctx, 10, 1); err != nil {
				t.Fatal(err)
			}
		}
		entered := make(chan error)
		go func() { entered <- p.enter(ctx, 10, 1) }()
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
		event, until := p.slow(sent, pleaAgain)
		if wait := time.Until(until); event != 1 || wait < time.Second || wait > 2*time.Second {
			t.Fatalf("pause: event %d, %s", event, wait)
		}
		for range 3 {
			if again, still := p.slow(sent, pleaAgain); again != 0 || !still.Equal(until) {
				t.Fatal("the other messages of the same moment made the pause longer")
			}
		}
		if l := p.load(); l.limit != 2 || l.count != 4 {
			t.Fatalf("window %d, in flight %d, want 2 and 4", l.limit, l.count)
		}
		if err := p.enter(ctx, 10, 1); !errors.Is(err, errPaused) {
			t.Fatalf("entered during a pause: %v", err)
		}
		for range 4 {
			p.leave(10)
		}
		if err := p.ready(ctx); err != nil || time.Now().Before(until) {
			t.Fatalf("ready %s before the pause ends: %v", time.Until(until), err)
		}
		if !p.accepted(time.Now(), 10) || p.accepted(time.Now(), 10) {
			t.Fatal("recovery is told once")
		}
	})
}

func TestPaceBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPace(4, 100, nil)
		if err := p.enter(t.Context(), 1000, 1); err != nil {
			t.Fatalf("one message larger than the window must pass: %v", err)
		}
		entered := make(chan error)
		go func() { entered <- p.enter(t.Context(), 1, 1) }()
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

// While the quota is used up one message at a time asks, and the first one that
// is taken opens the window again, as far as half of what it was.
func TestPaceProbesForQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		p := testPace(8, 1<<20, func(o *DrainOptions) { o.BackoffMax = time.Hour })
		sent := time.Now()
		time.Sleep(time.Millisecond)
		for event := 1; event <= 3; event++ {
			e, until := p.slow(sent, pleaQuota)
			if wait := time.Until(until); e != event || wait < time.Minute || wait > 8*time.Minute {
				t.Fatalf("event %d, want %d; pause %s", e, event, wait)
			}
			if err := p.ready(ctx); err != nil {
				t.Fatal(err)
			}
			if records, _ := p.share(); records != 1 {
				t.Fatalf("%d records ask whether the quota is used up", records)
			}
			if err := p.enter(ctx, 10, 1); err != nil {
				t.Fatal(err)
			}
			if wait, err := p.try(10, 1); wait >= 0 || err != nil {
				t.Fatalf("a second message asks too: %s, %v", wait, err)
			}
			sent = time.Now()
			time.Sleep(time.Millisecond)
			p.leave(10)
		}
		if !p.accepted(time.Now(), 10) {
			t.Fatal("no recovery")
		}
		if l := p.load(); l.limit != 1 || l.plea != pleaAgain {
			t.Fatalf("after three halvings of 8: %+v", l)
		}
		if records, _ := p.share(); records != 500 {
			t.Fatalf("a batch holds %d records", records)
		}
	})
}

func TestRateCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPace(64, 1<<20, func(o *DrainOptions) { o.Rate = 20 })
		if records, _ := p.share(); records != 20 {
			t.Fatalf("one transfer takes %d records, a second's worth is 20", records)
		}
		began, sent := time.Now(), 0
		for _, n := range []int{1, 1, 20, 5, 1, 1, 20, 11, 40} {
			if err := p.enter(t.Context(), 100, n); err != nil {
				t.Fatal(err)
			}
			if allowed := 20*time.Since(began).Seconds() + 1e-6; float64(sent) > allowed {
				t.Fatalf("%d records went in %s before this one", sent, time.Since(began))
			}
			sent += n
			p.leave(100)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Fatalf("60 records before the last transfer took %s at 20 a second", took)
		}
	})
}

// way is a simulated link: so many bytes a second, so long a round trip.
type way struct {
	rate float64
	rtt  time.Duration

	mu   sync.Mutex
	free time.Time // when what was sent before has left
}

func (w *way) answerAfter(size int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.free = maxTime(w.free, now).Add(time.Duration(float64(size) / w.rate * float64(time.Second)))
	return w.free.Add(w.rtt).Sub(now)
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flood sends messages of size bytes over w as fast as p lets it, for d, and
// returns how many were answered.
func flood(ctx context.Context, p *pace, w *way, size int, d time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var (
		mu   sync.Mutex
		n    int
		last time.Time
	)
	for p.enter(ctx, size, 1) == nil {
		sent := time.Now()
		at := sent.Add(w.answerAfter(size))
		mu.Lock()
		last = maxTime(last, at)
		mu.Unlock()
		time.AfterFunc(time.Until(at), func() {
			p.accepted(sent, size)
			p.leave(size)
			mu.Lock()
			n++
			mu.Unlock()
		})
		if p.load().count < p.load().limit {
			time.Sleep(10 * time.Microsecond) // what it costs to encode one
		}
	}
	mu.Lock()
	done := n
	wait := time.Until(last)
	mu.Unlock()
	time.Sleep(wait + time.Millisecond)
	return done
}

func TestLongFatLinkKeepsTheWindowWide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPace(64, 1<<20, nil)
		n := flood(t.Context(), p, &way{rate: 10 << 20, rtt: 200 * time.Millisecond}, 400, time.Minute)
		if l := p.load(); l.limit != 64 || l.maxBytes != 1<<20 {
			t.Errorf("window %d, %d bytes", l.limit, l.maxBytes)
		}
		if want := 64 * 60 * 5; n < want*9/10 {
			t.Errorf("%d messages in a minute, in flight / round trip allows %d", n, want)
		}
	})
}

// On a narrow link a wide window would only make a queue in which an alarm waits:
// the latency stays bounded and the link busy.
func TestNarrowLinkShrinksTheWindow(t *testing.T) {
	for name, v := range map[string]struct {
		way     *way
		size    int
		latency time.Duration // what the queue may grow to
	}{
		"1 Mbit/s":     {&way{rate: 125e3, rtt: 50 * time.Millisecond}, 4 << 10, 500 * time.Millisecond},
		"64 kbit/s":    {&way{rate: 8e3, rtt: 300 * time.Millisecond}, 400, 2 * time.Second},
		"9600 bit/s":   {&way{rate: 1.2e3, rtt: 500 * time.Millisecond}, 400, 7500 * time.Millisecond},
		"100 a second": {&way{rate: 40e3, rtt: 30 * time.Millisecond}, 400, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := testPace(512, 4<<20, nil)
				n := flood(t.Context(), p, v.way, v.size, 5*time.Minute)
				if want := int(300 * v.way.rate / float64(v.size)); n < want*85/100 {
					t.Errorf("%d messages in five minutes, the link carries %d", n, want)
				}
				l := p.load()
				if standing := time.Duration(float64(min(l.maxBytes, l.limit*v.size)) / v.way.rate * float64(time.Second)); standing > v.latency {
					t.Errorf("window of %d messages, %d bytes: %s on this link", l.limit, l.maxBytes, standing)
				}
			})
		})
	}
}

// A way that becomes longer, as when a satellite takes over, does not close the
// window for good.
func TestLongerWayKeepsTheWindow(t *testing.T) {
	for _, window := range []int{4, 64, 512} {
		t.Run(strconv.Itoa(window), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := testPace(window, 1<<20, nil)
				w := &way{rate: 10 << 20, rtt: 40 * time.Millisecond}
				flood(t.Context(), p, w, 400, 10*time.Second)
				w.rtt = 700 * time.Millisecond
				flood(t.Context(), p, w, 400, 5*time.Minute)
				most := int(float64(window) * 60 / w.rtt.Seconds())
				if n := flood(t.Context(), p, w, 400, time.Minute); n < most*8/10 {
					t.Errorf("%d messages in the sixth minute, in flight / round trip allows %d; %+v", n, most, p.load())
				}
			})
		})
	}
}
