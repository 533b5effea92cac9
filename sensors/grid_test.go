package sensors

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

// gridBench runs sensors by a clock that can be set, and notes when by that clock
// each sample was taken.
func gridBench(t *testing.T, fake *clock.Fake, ss ...Sensor) (s *Sampler, walls func() []time.Time, stop func()) {
	t.Helper()
	var mu sync.Mutex
	var taken []time.Time
	s = NewSampler(SamplerOptions{Sensors: ss, Clock: fake, Out: func(_ context.Context, r Reading) {
		mu.Lock()
		defer mu.Unlock()
		taken = append(taken, r.Stamp.Wall)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	walls = func() []time.Time {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(taken)
	}
	return s, walls, func() { cancel(); <-done }
}

// An aligned sensor is asked once at the start and then where the wall clock shows
// multiples of its interval, whatever is done to the clock. Its ticks neither pile up
// nor stay away after a step.
func TestAligned(t *testing.T) {
	for name, step := range map[string]func(*clock.Fake){
		"steady":      func(*clock.Fake) {},
		"ahead":       func(f *clock.Fake) { f.SetWall(f.Now().Wall.Add(2*time.Hour + 17*time.Second)) },
		"back":        func(f *clock.Fake) { f.SetWall(f.Now().Wall.Add(-time.Hour - 43*time.Second)) },
		"from 1970":   func(f *clock.Fake) { f.SetWall(time.Date(2026, 6, 1, 12, 3, 29, 0, time.UTC)) },
		"before 1970": func(f *clock.Fake) { f.SetWall(time.Date(1969, 6, 1, 12, 3, 29, 0, time.UTC)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const every = 10 * time.Minute
				fake := clock.NewFake(time.Date(1970, 1, 1, 0, 3, 11, 0, time.UTC)).Follow()
				source := &scripted{}
				s, walls, stop := gridBench(t, fake, Sensor{Name: "a", Open: source.Open, Every: every, Align: true})
				defer stop()
				time.Sleep(time.Hour + 30*time.Second)
				before := len(walls())
				step(fake)
				time.Sleep(10 * time.Hour)
				at := walls()
				// The one tick that was set before the step comes by the old clock.
				if n := len(at) - before; n < 59 || n > 61 {
					t.Errorf("%d samples in ten hours, want 60", n)
				}
				for i, w := range at {
					if i != 0 && i != before && !w.Equal(w.Truncate(every)) {
						t.Errorf("sample %d of %d at %v", i, len(at), w)
					}
				}
				if st := s.States()[0]; st.Missed != 0 || st.Samples != uint64(len(at)) {
					t.Errorf("state %+v", st)
				}
			})
		})
	}
}

// Samples come behind their ticks by up to the jitter, the first at once, and the
// grid itself does not wander.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, jitter = 10 * time.Second, 4 * time.Second
		fake := clock.NewFake(noon).Follow()
		source := &scripted{}
		s, walls, stop := gridBench(t, fake, Sensor{Name: "a", Open: source.Open, Every: every, Jitter: jitter})
		defer stop()
		time.Sleep(1000*every - time.Millisecond)
		at := walls()
		if len(at) != 1000 || !at[0].Equal(noon) {
			t.Fatalf("%d samples, the first at %v", len(at), at[0])
		}
		late := map[time.Duration]int{}
		for i, w := range at {
			d := w.Sub(noon) - time.Duration(i)*every
			if d < 0 || d > jitter {
				t.Fatalf("sample %d is %v behind its tick", i, d)
			}
			late[d/time.Second]++
		}
		for d := range jitter / time.Second {
			if late[d] < 150 { // a quarter each, 13 standard deviations off
				t.Errorf("only %d samples are %ds behind: %v", late[d], d, late)
			}
		}
		if st := s.States()[0]; st.Missed != 0 {
			t.Errorf("%d missed", st.Missed)
		}
		if err := s.SetInterval("a", time.Second); err != nil { // the jitter becomes half of that
			t.Fatal(err)
		}
		time.Sleep(100 * time.Second)
		if n := len(walls()) - 1000; n < 98 || n > 102 {
			t.Errorf("%d samples in 100 s, want 100", n)
		}
	})
}

// Two hundred sensors ten times a second, some of them slow, failing or hung: every
// tick that was due is a sample, a failure or counted as missed.
func TestEveryTickIsAccountedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasts = 20 * time.Second
		var ss []Sensor
		for i := range 200 {
			source := &scripted{sense: func(_ context.Context, n int) (float64, error) {
				switch {
				case i%50 == 1 && n%20 == 0 && n < 50: // all is quiet at the end
					time.Sleep(730 * time.Millisecond)
				case i%50 == 2 && n%3 == 0:
					return 0, fmt.Errorf("call %d", n)
				case i == 3 && n == 30:
					time.Sleep(8 * time.Second) // longer than the deadline
				}
				return float64(n), nil
			}}
			ss = append(ss, Sensor{Name: fmt.Sprint(i), Open: source.Open, Every: MinEvery})
		}
		s, walls, stop := gridBench(t, clock.NewFake(noon).Follow(), ss...)
		defer stop()
		time.Sleep(lasts + MinEvery/2)
		walls()
		var missed, failed, samples uint64
		for _, st := range s.States() {
			if got := st.Samples + st.Failures + st.Missed; got < uint64(lasts/MinEvery) || got > uint64(lasts/MinEvery)+2 {
				t.Errorf("%s: %d samples, %d failures, %d missed of %d ticks", st.Sensor, st.Samples, st.Failures, st.Missed, lasts/MinEvery+1)
			}
			missed, failed, samples = missed+st.Missed, failed+st.Failures, samples+st.Samples
		}
		if missed == 0 || failed == 0 || uint64(len(walls())) != samples {
			t.Errorf("%d missed, %d failed, %d samples, %d handed out", missed, failed, samples, len(walls()))
		}
	})
}
