package main

import (
	"testing"
	"time"

	"fieldpost/hub"
)

func TestArrived(t *testing.T) {
	a := arrived(hub.Event{MessageID: "m", Body: []byte(`{"temperature":21.53,"humidity":44}`),
		Properties: map[string]any{"iothub-creation-time-utc": "2026-01-02T03:04:05.250Z", "quality": "humidity=suspect:jump"}})
	if want := time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC); !a.at.Equal(want) || a.quality != "humidity=suspect:jump" {
		t.Errorf("%+v", a)
	}
	for _, c := range []struct {
		want map[string]float64
		is   bool
	}{
		{map[string]float64{"temperature": 21.5, "humidity": 44}, true},
		{map[string]float64{"temperature": 21.4, "humidity": 44}, false},
		{map[string]float64{"temperature": 21.5}, false},
		{map[string]float64{"temperature": 21.5, "pressure": 44}, false},
	} {
		if a.is(c.want) != c.is {
			t.Errorf("%v is %v: %v", a, c.want, !c.is)
		}
	}
	if none := arrived(hub.Event{Body: []byte("?")}); none.is(map[string]float64{"temperature": 0}) || !none.at.IsZero() {
		t.Errorf("%+v", none)
	}
}

func TestMissingTicks(t *testing.T) {
	at := func(ms ...int) (all []arrival) {
		for _, n := range ms {
			all = append(all, arrival{at: time.UnixMilli(int64(n))})
		}
		return all
	}
	for _, c := range []struct {
		all  []arrival
		want int
	}{
		{nil, 0}, {at(7), 0}, {at(0, 260, 490, 750), 0}, {at(0, 1010), 3}, {at(1010, 0, 500), 2}, {at(0, 100, 250), 0},
		// The last one was taken late, and the first in time.
		{at(0, 490), 0}, {at(0, 1200), 3},
	} {
		if got := missingTicks(c.all, 0.25); got != c.want {
			t.Errorf("%v: %d, want %d", c.all, got, c.want)
		}
	}
}
