package clock

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func TestSystem(t *testing.T) {
	c := System()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, b := c.Now(), c.Now()
			if a.Boot == [16]byte{} || a.Boot != b.Boot {
				t.Errorf("boot %x then %x", a.Boot, b.Boot)
			}
			if b.BootTime < a.BootTime || a.BootTime < 0 {
				t.Errorf("boot time %v then %v", a.BootTime, b.BootTime)
			}
			if a.Wall.Location() != time.UTC {
				t.Errorf("wall in %v", a.Wall.Location())
			}
		})
	}
	wg.Wait()
}

func TestTrust(t *testing.T) {
	for _, c := range []struct {
		wall        time.Time
		disciplined bool
		want        Trust
	}{
		{Floor.Add(-1), true, TrustNone},
		{Floor.Add(-1), false, TrustNone},
		{Floor, false, TrustPlausible},
		{Floor, true, TrustSynced},
	} {
		if got := trust(c.wall, c.disciplined); got != c.want {
			t.Errorf("trust(%v, %v) = %v, want %v", c.wall, c.disciplined, got, c.want)
		}
	}
}

func TestTimelineLearnsTheBoot(t *testing.T) {
	f := NewFake(time.Unix(0, 0))
	f.SetTrust(TrustNone)
	line := NewTimeline(f)
	f.Advance(10 * time.Second)
	early := f.Now()
	if at, _ := line.Resolve(early); !at.IsZero() {
		t.Fatalf("resolved to %v with no believable clock", at)
	}

	f.Advance(20 * time.Second)
	f.SetWall(noon)
	f.SetTrust(TrustPlausible)
	if at, unc := line.Resolve(early); !at.Equal(noon.Add(-20*time.Second)) || unc != UnvouchedUncertainty {
		t.Fatalf("plausible clock: %v ± %v", at, unc)
	}

	f.SetWall(noon.Add(time.Hour))
	f.SetTrust(TrustSynced)
	want := noon.Add(time.Hour - 20*time.Second)
	if at, unc := line.Resolve(early); !at.Equal(want) || unc != 0 {
		t.Fatalf("synced clock: %v ± %v, want %v", at, unc, want)
	}

	f.SetTrust(TrustPlausible)
	f.SetWall(noon.Add(-time.Hour))
	if at, unc := line.Resolve(early); !at.Equal(want) || unc != 0 {
		t.Fatalf("after the sync was lost: %v ± %v, want %v", at, unc, want)
	}
}

func TestTimelineIsStableBelowAStep(t *testing.T) {
	f := NewFake(noon)
	line := NewTimeline(f)
	s := f.Now()
	s.Trust = TrustPlausible
	first, _ := line.Resolve(s)
	f.SetWall(noon.Add(relearnStep / 2))
	if again, _ := line.Resolve(s); !again.Equal(first) {
		t.Errorf("a small correction moved the date by %v", again.Sub(first))
	}
	f.SetWall(noon.Add(3 * time.Second))
	if again, _ := line.Resolve(s); again.Sub(first) != 3*time.Second {
		t.Errorf("a step of 3s moved the date by %v", again.Sub(first))
	}
}

func TestTimelineOfOtherBoots(t *testing.T) {
	f := NewFake(noon)
	old := f.Now()
	f.Reboot()
	f.Advance(time.Minute)
	line := NewTimeline(f)
	for _, c := range []struct {
		trust Trust
		at    time.Time
		unc   time.Duration
	}{
		{TrustSynced, noon, 0},
		{TrustPlausible, noon, UnvouchedUncertainty},
		{TrustNone, time.Time{}, 0},
	} {
		old.Trust = c.trust
		if at, unc := line.Resolve(old); !at.Equal(c.at) || unc != c.unc {
			t.Errorf("%v stamp of another boot: %v ± %v, want %v ± %v", c.trust, at, unc, c.at, c.unc)
		}
	}
}

func TestTimelineForgetsAtReboot(t *testing.T) {
	f := NewFake(noon)
	line := NewTimeline(f)
	s := f.Now()
	s.Trust = TrustNone
	if at, _ := line.Resolve(s); !at.Equal(noon) {
		t.Fatalf("this boot: %v", at)
	}
	f.Reboot()
	f.SetTrust(TrustNone)
	if at, _ := line.Resolve(f.Now()); !at.IsZero() {
		t.Errorf("a new boot was dated by the old one: %v", at)
	}
}

func TestFakeFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFake(noon).Follow()
		time.Sleep(time.Hour)
		f.Advance(time.Minute)
		if s := f.Now(); s.BootTime != 61*time.Minute || !s.Wall.Equal(noon.Add(61*time.Minute)) {
			t.Errorf("after an hour and a minute: %v %v", s.BootTime, s.Wall)
		}
	})
}
