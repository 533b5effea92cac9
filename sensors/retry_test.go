package sensors

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An absent sensor is tried again with growing pauses, shown, and does not
// disturb its neighbour; when it comes it is sampled on its grid.
func TestAbsentThenThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tries []time.Time
		there := false
		absent := &scripted{open: func(int) error {
			mu.Lock()
			defer mu.Unlock()
			tries = append(tries, time.Now())
			if there {
				return nil
			}
			return hintError{errTest, "check the wiring"}
		}}
		other := &scripted{}
		b := start(t, Sensor{Name: "a", Open: absent.Open, Every: time.Second}, Sensor{Name: "b", Open: other.Open, Every: time.Second})
		defer b.stop()
		after(2 * time.Hour)
		if s := b.state(0); s.Condition != Failing || s.Reason != errTest.Error() || s.Hint != "check the wiring" || s.Samples != 0 || s.Missed < 7000 {
			t.Errorf("absent: %+v", s)
		}
		if s := b.state(1); s.Condition != OK || s.Samples != 7201 || s.Missed != 0 {
			t.Errorf("neighbour: %+v", s)
		}
		mu.Lock()
		for i := 1; i < len(tries); i++ {
			if d := tries[i].Sub(tries[i-1]); d < retryMin || d > retryMax {
				t.Errorf("pause %d is %v", i, d)
			}
		}
		if n := len(tries); n < 14 || n > 200 {
			t.Errorf("%d tries in two hours", n)
		}
		if uint64(len(tries)) != b.state(0).Failures {
			t.Errorf("%d tries, %d failures", len(tries), b.state(0).Failures)
		}
		there = true
		mu.Unlock()
		after(retryMax + time.Second)
		if s := b.state(0); s.Condition != OK || s.Samples == 0 || s.Reason != "" || s.Hint != "" {
			t.Errorf("there: %+v", s)
		}
	})
}

type hintError struct {
	error
	hint string
}

func (h hintError) Hint() string { return h.hint }

// One failure costs one sample; three in a row cost the source.
func TestRebuildAfterThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{sense: func(_ context.Context, n int) (float64, error) {
			if n == 2 || n >= 4 && n <= 6 {
				return 0, errTest
			}
			return 1, nil
		}}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
		defer b.stop()
		after(2500 * time.Millisecond)
		if s := b.state(0); s.Samples != 2 || s.Failures != 1 || s.Condition != OK {
			t.Errorf("after one failure: %+v", s)
		}
		if opens, closes, _ := src.counts(); opens != 1 || closes != 0 {
			t.Errorf("after one failure: %d opens, %d closes", opens, closes)
		}
		after(3 * time.Second)
		if opens, closes, _ := src.counts(); opens != 1 || closes != 1 || b.state(0).Condition != Failing {
			t.Errorf("after three failures: %d opens, %d closes", opens, closes)
		}
		after(2*retryMin + time.Second)
		if opens, _, _ := src.counts(); opens != 2 || b.state(0).Condition != OK {
			t.Errorf("rebuilt: %d opens, %+v", opens, b.state(0))
		}
	})
}

// The sensor on a slow grid is not left alone until its next tick.
func TestSlowGridRetriesSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{sense: func(_ context.Context, n int) (float64, error) {
			if n == 1 {
				return 0, errTest
			}
			return 1, nil
		}}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Hour})
		defer b.stop()
		after(2*retryMin + time.Second)
		if s := b.state(0); s.Condition != OK || s.Samples != 1 || s.Missed != 0 || !s.NextTry.Equal(b.begin.Add(time.Hour)) {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryPause(t *testing.T) {
	for n := 1; n < 200; n++ {
		if d := retryPause(n); d < retryMin || d > retryMax {
			t.Errorf("pause %d is %v", n, d)
		}
	}
	var longest time.Duration
	for range 200 {
		longest = max(longest, retryPause(50))
		if d := retryPause(1); d > 2*retryMin {
			t.Errorf("first pause is %v", d)
		}
	}
	if longest < retryMax/2 {
		t.Errorf("longest pause after many failures is %v", longest)
	}
}

type goneError struct{ error }

func (goneError) Gone() bool { return true }

// When an adapter was pulled out, no source on it stays open, also not one that is
// seldom asked; each is opened again at its next sample.
func TestUnpluggedBusIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part := &scripted{sense: func(_ context.Context, n int) (float64, error) {
			if n == 3 {
				return 0, fmt.Errorf("sense: %w", goneError{errTest})
			}
			return 1, nil
		}}
		seldom := &scripted{}
		b := start(t, Sensor{Name: "a", Open: part.Open, Every: time.Second}, Sensor{Name: "b", Open: seldom.Open, Every: time.Hour})
		defer b.stop()
		opens := func(s *scripted) [2]int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return [2]int{s.opens, s.closes}
		}
		after(2500 * time.Millisecond)
		if o, n := opens(part), opens(seldom); o != [2]int{1, 1} || n != [2]int{1, 1} {
			t.Errorf("opened and closed %v and %v times", o, n)
		}
		after(time.Second)
		if o, n := opens(part), opens(seldom); o != [2]int{2, 1} || n != [2]int{1, 1} {
			t.Errorf("a second later: opened and closed %v and %v times", o, n)
		}
		after(time.Hour)
		if s := b.state(1); s.Condition != OK || s.Samples != 2 || s.Failures != 0 {
			t.Errorf("an hour later: %+v", s)
		}
	})
}
