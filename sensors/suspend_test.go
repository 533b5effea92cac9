package sensors

import (
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

// In suspend timers stand still and boot time goes on: what was due meanwhile is
// missed and counted, the grid is where it was, and what is due soon after comes within
// a minute of its time.
func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := clock.NewFake(noon).Follow()
		often, rare, broken := &scripted{}, &scripted{}, &scripted{open: func(int) error { return errTest }}
		s, walls, stop := gridBench(t, fake,
			Sensor{Name: "often", Open: often.Open, Every: 10 * time.Second},
			Sensor{Name: "rare", Open: rare.Open, Every: time.Hour})
		defer stop()
		// On a bus of its own: its retries come at random and notice the suspend earlier.
		failing, _, end := gridBench(t, fake, Sensor{Name: "broken", Open: broken.Open, Every: 10 * time.Second})
		defer end()
		time.Sleep(25 * time.Second)
		if n := len(walls()); n != 4 {
			t.Fatalf("%d samples before, want 4", n)
		}

		fake.Advance(time.Hour) // until 1:00:25: the rare one was due, and 360 of each other
		time.Sleep(34 * time.Second)
		// The timer that was set for 0:00:30 brings one late sample of both, five seconds
		// after the suspend. By the boot clock that happens to be 1:00:30.
		want := []time.Duration{time.Hour + 30*time.Second, time.Hour + 30*time.Second, time.Hour + 40*time.Second, time.Hour + 50*time.Second}
		at := walls()[4:]
		for i, w := range at {
			if len(at) != len(want) || w.Sub(noon) != want[i] {
				t.Fatalf("after the suspend: %v, want %v", at, want)
			}
		}
		for i, want := range []struct{ samples, missed uint64 }{{6, 360}, {2, 0}} {
			if st := s.States()[i]; st.Samples != want.samples || st.Missed != want.missed {
				t.Errorf("%s: %d samples, %d missed; want %+v", st.Sensor, st.Samples, st.Missed, want)
			}
		}
		// A failing sensor is accounted for as well. Its calls between ticks are retries.
		if st := failing.States()[0]; st.Missed < 355 || st.Missed+st.Failures < 366 {
			t.Errorf("broken: %d failures, %d missed", st.Failures, st.Missed)
		}
		if next := s.States()[0].NextTry; next.Before(time.Now()) || next.After(time.Now().Add(10*time.Second)) {
			t.Errorf("next in %v", time.Until(next))
		}

		fake.Advance(58 * time.Minute) // until 1:58:59, 61 s ahead of the rare one's tick
		time.Sleep(61*time.Second + suspendLook)
		if st := s.States()[1]; st.Samples != 3 || st.Missed != 0 {
			t.Errorf("rare: %d samples, %d missed", st.Samples, st.Missed)
		}
	})
}

// A tick that is an hour away is found by a look a minute, not by its timer alone.
func TestSuspendIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := clock.NewFake(noon).Follow()
		src := &scripted{}
		_, walls, stop := gridBench(t, fake, Sensor{Name: "a", Open: src.Open, Every: time.Hour})
		defer stop()
		time.Sleep(time.Second)
		fake.Advance(59 * time.Minute)
		time.Sleep(2 * suspendLook)
		if at := walls(); len(at) != 2 || at[1].Sub(noon) < time.Hour || at[1].Sub(noon) > time.Hour+suspendLook {
			t.Errorf("samples at %v", at)
		}
	})
}
