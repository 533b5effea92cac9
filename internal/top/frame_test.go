package top

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fieldpost/internal/diag"
)

var update = flag.Bool("update", false, "write the expected frames anew")

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// gateway is an agent whose network is broken, with that many sensors.
func gateway(sensors int) Snapshot {
	s := Snapshot{At: noon}
	s.Status = diag.Status{
		Queue:   diag.Queue{Depth: 1240, OldestAgeS: 11525, Dead: 1, Lost: 29},
		AtRiskS: 4.23,
		Store:   diag.Store{Ready: true, StoredBytes: 3 << 20, MaxBytes: 64 << 20, FreeBytes: 5 << 30},
		Link:    diag.Link{Phase: "waiting", SinceS: 11000, NextAttemptInS: 42},
		Uplink:  diag.Uplink{Accepted: 50740},
		Agent:   diag.Agent{Version: "1.2.0", PID: 4711, Epoch: 12, DeviceID: "plant-7", UptimeS: 273605, Clock: "synced"},
	}
	s.Status.Judge([]diag.Part{
		{Part: "board", State: diag.OK}, {Part: "buses", State: diag.OK}, {Part: "sensors", State: diag.OK}, {Part: "store", State: diag.OK},
		{Part: "network", State: diag.Broken, Reason: "dial tcp: lookup hub.example: no such host\x1b[2J", Hint: "the name of the hub cannot be resolved: check cable, address and DNS server"},
		{Part: "identity", State: diag.Waiting}, {Part: "hub", State: diag.Waiting},
	})
	s.Commands = []diag.Command{
		{Name: "output.set", Verdict: "completed", Begun: noon.Add(-time.Hour)},
		{Name: "coffee.make", Verdict: "rejected", Reason: "unknown command", Begun: noon.Add(-2 * time.Hour)},
		{Name: "ping", Verdict: "completed", Begun: noon.Add(-3 * time.Hour)},
	}
	for i := range sensors {
		s.Sensors = append(s.Sensors, diag.Sensor{Name: fmt.Sprintf("room-%d", i+1), Condition: "ok", Samples: 10,
			Last: &diag.Reading{AgeS: 3.2, Values: []diag.Value{
				{Name: "temperature", Unit: "Cel", Value: 21.5, Quality: "good"},
				{Name: "humidity", Unit: "%", Value: 104, Quality: "suspect", Reason: "out-of-range"},
			}}})
	}
	s.Sensors = append(s.Sensors, diag.Sensor{Name: "tank", Condition: "failing", Reason: "no answer at 0x77, and a long story about it that no window holds"})
	return s
}

// history is a view that has seen a minute of it.
func history(sensors int) *View {
	v := new(View)
	for i := range 60 {
		s := gateway(sensors)
		s.At = noon.Add(time.Duration(i-59) * time.Second)
		s.Status.Queue.Depth = uint64(1181 + i)
		s.Status.Uplink.Accepted += uint64(i * (i % 3))
		for j := range s.Sensors {
			s.Sensors[j].Samples += uint64(i)
			if s.Sensors[j].Last != nil {
				s.Sensors[j].Last.Values[0].Value = diag.Number(20 + i%10)
			}
		}
		v.Take(s)
	}
	return v
}

func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestFrames(t *testing.T) {
	golden(t, "asking-80x24", new(View).Frame(80, 24, noon, false))
	golden(t, "broken-80x24", history(6).Frame(80, 24, noon, false))
	golden(t, "broken-120x40", history(6).Frame(120, 40, noon, false))
	golden(t, "broken-40x10", history(6).Frame(40, 10, noon, false))
	golden(t, "broken-once", history(2).Frame(0, 0, noon, false))
	golden(t, "colour-80x24", history(1).Frame(80, 24, noon, true))

	down := history(1)
	down.Miss(errors.New("no agent is running at /run/fieldpost/agent.sock: connect: connection refused"), noon)
	golden(t, "down-80x24", down.Frame(80, 24, noon.Add(75*time.Second), false))
	back := gateway(1)
	back.At = noon.Add(80 * time.Second)
	back.Status.Agent.PID, back.Status.Agent.Epoch = 4712, 13
	down.Take(back)
	golden(t, "back-80x24", down.Frame(80, 24, noon.Add(90*time.Second), false))

	ascii := history(1)
	ascii.ASCII = true
	golden(t, "ascii-80x24", ascii.Frame(80, 24, noon, false))
	help := history(1)
	help.Help = true
	golden(t, "help-80x24", help.Frame(80, 24, noon, false))

	fine := new(View)
	s := gateway(1)
	s.Status.Judge([]diag.Part{{Part: "board", State: diag.OK}, {Part: "buses", State: diag.Off}, {Part: "sensors", State: diag.OK}, {Part: "store", State: diag.OK},
		{Part: "network", State: diag.OK}, {Part: "identity", State: diag.OK}, {Part: "hub", State: diag.OK}})
	s.Status.Link = diag.Link{Phase: "online", Transport: "amqp", SinceS: 60, LastError: "the server is stopping"}
	s.Status.Uplink.Held, s.Status.Store = "the day's budget is used up", diag.Store{Opening: "checking"}
	fine.Take(s)
	golden(t, "fine-80x24", fine.Frame(80, 24, noon, false))
}

// No frame is larger than its window, whatever the size, and none crashes.
func TestFramesFit(t *testing.T) {
	for columns := 1; columns < 130; columns++ {
		for _, rows := range []int{1, 2, 3, 5, 8, 10, 24, 60} {
			v := history(12)
			v.Scroll(columns - 20)
			lines := v.Frame(columns, rows, noon, false)
			if len(lines) > rows {
				t.Fatalf("%dx%d: %d lines", columns, rows, len(lines))
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n > columns || strings.ContainsAny(l, "\x1b\n\r") {
					t.Fatalf("%dx%d: %d columns: %q", columns, rows, n, l)
				}
			}
		}
	}
}

// However long the names are, a line has a history and the whole value.
func TestColumnsLeaveRoomForTheHistory(t *testing.T) {
	rows := [][4]string{
		{"SENSOR", "VALUE", "AGE", "QUALITY"},
		{"climate_in_the_north_barn", "mem_available_bytes_of_everything 24016605184 By", "1 min 5 s", "uncertain: the part warms up"},
	}
	styles, histories := []func(string) piece{plain, plain}, []string{"HISTORY", strings.Repeat("▁", 20)}
	for columns := sparkFrom; columns <= 120; columns++ {
		l := columned(columns, rows, styles, histories)[1]
		if n := len([]rune(l[0].words)) + len(l[1].words) + leastHistory; n > columns || !strings.Contains(l[0].words, "~ 24016605184 By ") {
			t.Errorf("%d columns: %d are needed: %q", columns, n, l[0].words)
		}
	}
}

func TestScrollStaysInBounds(t *testing.T) {
	v := history(12)
	for _, c := range []struct {
		rows int
		want string
	}{{-5, "1-"}, {1, "2-"}, {1 << 20, "of 25"}, {-1 << 20, "1-"}} {
		v.Scroll(c.rows)
		lines := v.Frame(80, 24, noon, false)
		foot := lines[len(lines)-1]
		if !strings.Contains(foot, c.want) {
			t.Errorf("after %d rows: %q", c.rows, foot)
		}
	}
}

func TestPausedViewStandsStill(t *testing.T) {
	v := history(1)
	v.press(keyPause, 24)
	before := v.Frame(80, 24, noon, false)
	s := gateway(1)
	s.At, s.Status.Queue.Depth = noon, 9999
	v.Take(s)
	after := v.Frame(80, 24, noon, false)
	if strings.Join(before, "\n") != strings.Join(after, "\n") || !strings.Contains(after[0], "PAUSED") {
		t.Errorf("%q", after)
	}
	v.press(keyPause, 24)
	v.Take(s)
	if !strings.Contains(strings.Join(v.Frame(80, 24, noon, false), "\n"), "queue  9999") {
		t.Error("it stands still for ever")
	}
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string][]key{
		"q": {keyQuit}, "\x03": {keyQuit}, "\x1b[A\x1b[B": {keyUp, keyDown}, "\x1b[5~j": {keyPageUp, keyDown},
		"\x1b[1;5q": nil, "\x1b[": nil, "\x1b": nil, "xyz": nil, "\x1bOH?": {keyFirst, keyHelp}, "": nil, "\x1b[200~": nil,
	} {
		if got := keys(typed); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", typed, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{"q", "\x1b[A", "\x1b[", "\x1b[1;"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, typed string) { keys(typed) })
}
