package diag

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// golden compares what write prints with testdata/name.txt.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, b.Bytes(), want)
	}
}

func example() Status {
	s := Status{
		Queue: Queue{
			Depth: 1240, OldestAgeS: 11525, Produced: 52010, Delivered: 50740, Dead: 1, Lost: 29, Refused: 2,
			LostBy: map[string]uint64{"unclean-stop": 4, "evicted": 25},
			ByClass: map[string]Counts{
				"debug":     {},
				"telemetry": {Produced: 52000, Delivered: 50731, Queued: 1240, Dead: 0, Lost: 29, Bytes: 105000},
				"alarm":     {Produced: 6, Delivered: 6},
				"result":    {Produced: 4, Delivered: 3, Dead: 1},
				"novel":     {},
			},
		},
		AtRiskS: 4.23,
		Link:    Link{Phase: "waiting", SinceS: 11000, NextAttemptInS: 42.4, Connects: 3, Failures: 17, LastError: "dial tcp: lookup hub.example: no such host", Twice: 2, Rebuilds: 1},
		Uplink: Uplink{InFlight: 3, Window: 64, FlightBytes: 4096, WindowBytes: 1 << 20, LatencyS: 0.0471, Sent: 51000, Accepted: 50740, Rejected: 1, Resent: 240,
			Transfers: 2100, Batches: 120, Packs: 4, LastBatch: 500, Held: "the day's budget of 50000000 bytes is used up: alarms and results go on, telemetry waits",
			Hint: "raise [uplink] daily_bytes", ResumesInS: 5025, Budget: &Budget{UsedBytes: 50_000_400, LimitBytes: 50e6, Count: "wire", ResetsInS: 5025}},
		Agent: Agent{Version: "1.2.0", PID: 4711, DeviceID: "plant-7", Board: "Raspberry Pi 4 Model B", Store: "0123456789abcdef", Epoch: 12, UptimeS: 273605,
			Clock: "plausible", ClockMeans: "nothing vouches for the clock: readings carry their time with its uncertainty", ClockHint: "start an NTP client, or check that it reaches its servers"},
	}
	s.Judge([]Part{
		{Part: "board", State: OK, Reason: "Raspberry Pi 4 Model B"},
		{Part: "buses", State: OK},
		{Part: "sensors", State: OK, Reason: "2 of 2"},
		{Part: "store", State: OK},
		{Part: "network", State: Broken, Reason: "lookup hub.example: no such host", Hint: "check the cable and the name server"},
		{Part: "identity", State: Waiting},
		{Part: "hub", State: Waiting, Reason: "not connected\x1b[2J\nok", Hint: "mend the network first"},
	})
	return s
}

func TestStatusText(t *testing.T) {
	golden(t, "status-broken", func(w io.Writer) error { return WriteStatus(w, example()) })
	fine := Status{Link: Link{Phase: "online", SinceS: 59.96, Connects: 1}, Agent: Agent{PID: 1}, Queue: Queue{Depth: 1}}
	fine.Judge(parts("board=ok buses=off sensors=ok store=ok network=ok identity=ok hub=ok"))
	golden(t, "status-ok", func(w io.Writer) error { return WriteStatus(w, fine) })
	golden(t, "status-empty", func(w io.Writer) error {
		var s Status
		s.Judge(nil)
		return WriteStatus(w, s)
	})
}

func TestSensorsText(t *testing.T) {
	golden(t, "sensors", func(w io.Writer) error {
		return WriteSensors(w, Sensors{Sensors: []Sensor{
			{Name: "outdoor", Source: "bme280", Bus: "i2c1", Condition: "ok", EveryS: 10, Samples: 8231, Failures: 2, Missed: 1, Suspect: 4, Bad: 31,
				Last: &Reading{AgeS: 3.21, Values: []Value{
					{Name: "temperature", Unit: "Cel", Value: 21.534999, Quality: "good"},
					{Name: "humidity", Unit: "%", Value: 104, Quality: "suspect", Reason: "out-of-range"},
					{Name: "pressure", Unit: "hPa", Value: Number(math.NaN()), Quality: "bad"},
				}}},
			{Name: "tank", Source: "bme280", Bus: "i2c1", Condition: "failing", Reason: "no answer at 0x77", Hint: "check the wires of the sensor", EveryS: 90, Failures: 12, NextTryS: 75},
			{Name: "host", Source: "host", Condition: "starting", EveryS: 60, Samples: 1},
		}})
	})
	golden(t, "sensors-none", func(w io.Writer) error { return WriteSensors(w, Sensors{}) })
}

func TestErrorText(t *testing.T) {
	golden(t, "error", func(w io.Writer) error {
		return WriteError(w, hinted{errors.New("open queue: locked\x07"), "stop the other agent"})
	})
	golden(t, "error-plain", func(w io.Writer) error { return WriteError(w, errors.New("open queue: locked")) })
}

// A value has its unit behind it, unless that is none or says nothing.
func TestValueText(t *testing.T) {
	for unit, want := range map[string]string{"Cel": "1 Cel", "1": "1", "": "1"} {
		if got := (Value{Value: 1, Unit: unit}).Text(); got != want {
			t.Errorf("unit %q: %q, want %q", unit, got, want)
		}
	}
}

// What the board tells is printed where there is something to tell.
func TestBoardText(t *testing.T) {
	warm := 52.5
	for _, c := range []struct {
		b    Board
		want string // of these lines: processor, supply, card, life, before
	}{
		{Board{Arch: "arm"}, ""},
		{Board{Arch: "arm", TemperatureC: &warm}, "processor: 52.5 °C"},
		{Board{Arch: "arm", Supply: &Supply{}}, ""},
		{Board{Arch: "arm", Supply: &Supply{Undervoltage: Flag{Times: 2}}}, "supply: too low 2 times since the start; since boot: too low false, throttled false"},
		{Board{Arch: "arm", Supply: &Supply{Undervoltage: Flag{SinceBoot: true}}}, "supply: too low 0 times since the start; since boot: too low true, throttled false"},
		{Board{Arch: "arm", Supply: &Supply{Throttled: Flag{SinceBoot: true}}}, "supply: too low 0 times since the start; since boot: too low false, throttled true"},
		{Board{Arch: "arm", Cards: []Card{{Disk: "mmcblk0", Type: "SD"}}}, "card mmcblk0: SD , manufacturer , made"},
		{Board{Arch: "arm", Cards: []Card{{Disk: "mmcblk0", Type: "SD", LifeUsed: 30}}}, "card mmcblk0: SD , manufacturer , made|  30 % of its life is used"},
		{Board{LastStall: &Stall{Loops: []string{"link"}}}, "before this start: link had stalled, agent killed"},
		{Board{LastStall: &Stall{Reset: true}}, "before this start: a loop had stalled, board reset"},
	} {
		var b strings.Builder
		if err := WriteStatus(&b, Status{Board: c.b}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); slices.Contains([]string{"processor:", "supply:", "card", "before", "30", "0"}, first) {
				got = append(got, strings.TrimSuffix(line, "\n"))
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%+v: %q, want %q", c.b, got, c.want)
		}
	}
}
