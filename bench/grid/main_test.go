package main

import (
	"testing"
	"time"
)

// A sensor whose counters lack ticks that were due, or have more, is told.
func TestTicksThatAreNotCounted(t *testing.T) {
	begun := time.Now()
	at := func(after time.Duration, c counted) look {
		return look{asked: begun.Add(after), had: begun.Add(after), sensors: []counted{c}}
	}
	for _, c := range []struct {
		last counted
		fine bool
	}{
		{counted{Samples: 100}, true},
		{counted{Samples: 60, Failures: 10, Missed: 30}, true},
		{counted{Samples: 85}, false},
		{counted{Samples: 60, Missed: 60}, false},
	} {
		err := judge(at(0, counted{}), at(10*time.Second, c.last), 100*time.Millisecond, "test", false)
		if (err == nil) != c.fine {
			t.Errorf("%+v: %v", c.last, err)
		}
	}
}
