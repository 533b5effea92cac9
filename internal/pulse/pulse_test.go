package pulse_test

import (
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/pulse"
)

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse.Pulse
		late := func(what string, want time.Duration) {
			t.Helper()
			if got := p.Late(); got != want {
				t.Errorf("%s: late by %v, want %v", what, got, want)
			}
		}
		time.Sleep(time.Hour)
		late("a loop that never began", 0)
		p.Beat()
		time.Sleep(time.Minute)
		late("at work", time.Minute)
		p.Rest(time.Now().Add(time.Hour))
		time.Sleep(time.Hour)
		late("at rest", 0)
		time.Sleep(time.Second)
		late("asleep too long", time.Second)
		p.Rest(time.Time{})
		late("waits for others", 0)
	})
}
