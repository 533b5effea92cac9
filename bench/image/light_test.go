package main

import (
	"testing"
	"time"
)

func TestShown(t *testing.T) {
	// turns is a light that is on, off, on, … for these milliseconds, three times over.
	turns := func(ms ...int) (phases []phase) {
		for range 3 {
			for i, n := range ms {
				phases = append(phases, phase{i%2 == 0, time.Duration(n) * time.Millisecond})
			}
		}
		return phases
	}
	for _, c := range []struct {
		phases []phase
		want   string
	}{
		{turns(100, 150, 100, 1650), "two short flashes"},
		{turns(110, 140, 95, 1700), "two short flashes"},
		{turns(300, 2000), "1 blinks"},
		{turns(300, 300, 300, 300, 300, 300, 300, 300, 300, 2000), "5 blinks"},
		{turns(300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 2000), "6 blinks"},
		{turns(1000, 1000), "one second on, one second off"},
		{turns(100, 100, 100, 100), "quick, without a pause"},
		{turns(20, 5000), "no pattern"},
		{turns(300, 300, 300, 300, 300, 300, 300, 300, 300, 2000)[:20], ""}, // one round that is known to be whole
		{nil, ""},
		{append(turns(300, 300, 300, 2000), turns(300, 300, 300, 300, 300, 300, 300, 300, 300, 2000)...)[:22], ""}, // between two
		{append(turns(1000, 1000), turns(300, 300, 300, 2000)...), "2 blinks"},
	} {
		if got := shown(c.phases); got != c.want {
			t.Errorf("%v: %q, want %q", c.phases, got, c.want)
		}
	}
}
