package pipe_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/pipe"
	"fieldpost/sensors"
	"fieldpost/store"
)

func TestTelemetry(t *testing.T) {
	cases := []struct {
		name    string
		values  []sensors.Value
		body    string
		quality string
	}{
		{"all good keeps the sensor's order", []sensors.Value{
			{Name: "temperature", Num: 21.53}, {Name: "humidity", Num: 44.1},
		}, `{"temperature":21.53,"humidity":44.1}`, ""},
		{"suspect is sent and marked", []sensors.Value{
			{Name: "temperature", Num: 85, Quality: sensors.Suspect, Reason: "power-on value"},
		}, `{"temperature":85}`, "temperature=suspect:power-on value"},
		{"bad is left out and marked, marks are sorted", []sensors.Value{
			{Name: "pressure", Num: 0, Quality: sensors.Bad, Reason: "out-of-range"},
			{Name: "humidity", Num: 101, Quality: sensors.Suspect, Reason: "a=b;c"},
			{Name: "temperature", Num: 3},
		}, `{"humidity":101,"temperature":3}`, "humidity=suspect:a,b,c;pressure=bad:out-of-range"},
		{"not a number never reaches the body", []sensors.Value{
			{Name: "a", Num: math.NaN()}, {Name: "b", Num: math.Inf(-1), Quality: sensors.Suspect}, {Name: "c", Num: 1e300},
		}, `{"c":1e+300}`, "a=bad:not-a-number;b=bad:not-a-number"},
		{"names are escaped", []sensors.Value{{Name: "a\"b\n", Num: 1}}, `{"a\"b\n":1}`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, ok := pipe.Telemetry(sensors.Reading{Sensor: "s", Values: c.values})
			if !ok {
				t.Fatal("no record")
			}
			if string(r.Body) != c.body || !json.Valid(r.Body) {
				t.Errorf("body %s, want %s", r.Body, c.body)
			}
			if got := r.Props[pipe.PropQuality]; got != c.quality {
				t.Errorf("quality %q, want %q", got, c.quality)
			}
			if r.Props[pipe.PropSensor] != "s" || r.Subject != "s" || r.Class != store.Telemetry || r.Kind != store.KindTelemetry {
				t.Errorf("wrong envelope: %+v", r)
			}
		})
	}
}

func TestTelemetryOfNothingButBadValuesMakesNoRecord(t *testing.T) {
	for _, values := range [][]sensors.Value{
		nil,
		{{Name: "a", Quality: sensors.Bad}},
		{{Name: "a", Num: math.Inf(1)}},
	} {
		if r, ok := pipe.Telemetry(sensors.Reading{Values: values}); ok {
			t.Errorf("%v made %s", values, r.Body)
		}
	}
}

func TestEventTravelsAheadOfTelemetry(t *testing.T) {
	at := clock.Stamp{BootTime: time.Second}
	r, err := pipe.Event("start", at, map[string]any{"version": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Class != store.Alarm || r.Kind != store.KindEvent || r.Props[pipe.PropEvent] != "start" || string(r.Body) != `{"version":"1"}` || r.Stamp != at {
		t.Errorf("wrong event: %+v", r)
	}
}
