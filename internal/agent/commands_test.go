package agent

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
)

// ask sends a command by the local door.
func (r *running) ask(name, args string) diag.CommandAnswer {
	r.t.Helper()
	r.until("the store to be open", func() bool { return r.Stats().Ready })
	a, err := r.localCommand(r.t.Context(), diag.CommandRequest{Name: name, Args: json.RawMessage(args), WithinS: 30})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// results takes the result records out of the store.
func (r *running) results() (out []store.Record) {
	r.t.Helper()
	for r.Stats().PerClass[store.Result].Queued > 0 {
		lease, err := r.store.Next(r.t.Context(), store.Want{Records: 100, Classes: []store.Class{store.Result}})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, rec := range lease.Records() {
			out = append(out, rec)
			lease.Ack(rec.ID)
		}
	}
	return out
}

func TestEveryActionIsDescribed(t *testing.T) {
	r := run(t, load(t, "[commands]\nallow = [\"ping\"]\nallow_methods = []\nallow_local = [\"board.reboot\"]\n"), Parts{Root: t.TempDir()})
	report := r.commandsReport()
	if offline := Describe(r.cfg).Actions; !reflect.DeepEqual(offline, report.Actions) {
		t.Errorf("without an agent: %+v", offline)
	}
	if fresh := New(r.cfg, Parts{Root: t.TempDir()}).commandsReport(); fresh.Opening == "" {
		t.Error("a journal that was not read is shown as empty")
	}
	want := []string{"agent.restart", "board.reboot", "deadletter.retry", "log.level", "output.pulse", "output.set", "output.toggle",
		"ping", "queue.flush", "queue.stat", "sensor.enable", "sensor.interval", "sensor.read"}
	var names []string
	for _, a := range report.Actions {
		names = append(names, a.Name)
		if a.Help == "" || a.Repeat == "" {
			t.Errorf("%s: help %q, %q", a.Name, a.Help, a.Repeat)
		}
		for _, arg := range a.Args {
			if arg.Help == "" || arg.Type == "" {
				t.Errorf("%s: argument %+v", a.Name, arg)
			}
		}
		doors := map[string]string{"ping": "devicebound", "board.reboot": "local"}[a.Name]
		if strings.Join(a.Doors, " ") != doors || a.Allowed != (a.Name == "ping") {
			t.Errorf("%s: doors %v, allowed %v", a.Name, a.Doors, a.Allowed)
		}
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("actions %v", names)
	}
}

func TestLocalCommands(t *testing.T) {
	r := run(t, load(t, `
[commands]
allow_local = ["sensor.enable", "sensor.interval", "queue.stat", "deadletter.retry", "log.level"]
[[sensor]]
name = "room"
source = "simulated"
every = "24h"
`), Parts{Root: t.TempDir()})
	r.until("the first sample", func() bool { return part(r.Status(), "sensors").State == diag.OK && r.Stats().Ready })
	ids := r.bury(2)
	for _, c := range []struct{ name, args, outcome, text string }{
		{"sensor.enable", `{"sensor":"room","enabled":false,"dry_run":true}`, "completed", `"is":{"enabled":true`},
		{"sensor.enable", `{"sensor":"room","enabled":false}`, "completed", `"enabled":false`},
		{"sensor.interval", `{"sensor":"room","every":"1m","dry_run":true}`, "completed", `"is":{"enabled":false,"every":"24h0m0s"}`},
		{"sensor.interval", `{"sensor":"room","every":"25h"}`, "rejected", "above 86400 s"},
		{"sensor.interval", `{"sensor":"rom","every":"1h"}`, "rejected", "did you mean"},
		{"queue.stat", `{}`, "completed", `"dead":2`},
		{"deadletter.retry", `{}`, "rejected", "either id or all"},
		{"deadletter.retry", `{"id":"x","all":true}`, "rejected", "either id or all"},
		{"deadletter.retry", `{"id":"x"}`, "rejected", "is not <store"},
		{"deadletter.retry", `{"all":true,"dry_run":true}`, "completed", `"would_retry":2`},
		{"deadletter.retry", `{"id":"` + ids[0].String() + `"}`, "completed", `"retried":1`},
		{"deadletter.retry", `{"all":true}`, "completed", `"retried":1`},
		{"log.level", `{"level":"loud"}`, "rejected", "not one of debug, info, warn, error"},
		{"log.level", `{"level":"warn"}`, "completed", `"was":"info"`},
		{"ping", ``, "rejected", "not allowed on this gateway (door local)"},
	} {
		a := r.ask(c.name, c.args)
		if a.Outcome != c.outcome || !strings.Contains(string(a.Result)+a.Error, c.text) {
			t.Errorf("%s %s: %s %s %s", c.name, c.args, a.Outcome, a.Result, a.Error)
		}
	}
	if s := r.sensorStates()[0]; s.Condition != sensors.Disabled {
		t.Errorf("sensor %+v", s)
	}
	if s := r.Status(); s.Agent.LogLevel != "WARN" || s.Queue.Dead != 0 {
		t.Errorf("log level %s, %d dead", s.Agent.LogLevel, s.Queue.Dead)
	}
}

// power is a board that is told to reboot.
type power struct{ refuse error }

func (p power) MayReboot() error { return p.refuse }
func (p power) Reboot() error    { return p.refuse }

// A reboot ends Run in order; the next boot proves it.
func TestReboot(t *testing.T) {
	now := clock.NewFake(time.Now()).Follow()
	cfg := load(t, "[commands]\nallow_local = [\"board.reboot\", \"agent.restart\"]\n")
	parts := Parts{Root: t.TempDir(), Clock: now, Power: power{}}
	ended := func(r *running, want error) {
		t.Helper()
		if err := r.wait(); !errors.Is(err, want) {
			t.Errorf("Run ended with %v, want %v", err, want)
		}
	}
	r := run(t, cfg, parts)
	if a := r.ask("board.reboot", `{"dry_run":true}`); a.Outcome != "completed" || !strings.Contains(string(a.Result), "reboot the board") {
		t.Errorf("dry run: %+v", a)
	}
	r.results()
	if a := r.ask("board.reboot", ""); a.Outcome != "completed" {
		t.Errorf("answer %+v", a)
	}
	ended(r, ErrReboot)
	now.Reboot()

	r = run(t, cfg, parts)
	r.until("the proof", func() bool { return r.Stats().PerClass[store.Result].Queued == 1 })
	var body struct {
		Result struct {
			Done       bool
			Boot       string
			BootBefore string `json:"boot_before"`
		}
	}
	rec := r.results()[0]
	if err := json.Unmarshal(rec.Body, &body); err != nil || !body.Result.Done || body.Result.Boot == body.Result.BootBefore || rec.Props["command"] != "board.reboot" {
		t.Errorf("result %s, %v", rec.Body, err)
	}
	r.ask("agent.restart", "")
	ended(r, ErrRestart)

	r = run(t, cfg, parts)
	r.until("the proof", func() bool { return r.Stats().PerClass[store.Result].Queued == 1 })
	if rec := r.results()[0]; !strings.Contains(string(rec.Body), `"done":true`) || !strings.Contains(string(rec.Body), `"rebooted":false`) {
		t.Errorf("result %s", rec.Body)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// Where the board cannot be rebooted the command says so and nothing ends.
func TestRebootRefused(t *testing.T) {
	cfg := load(t, "[commands]\nallow_local = [\"board.reboot\"]\n")
	r := run(t, cfg, Parts{Root: t.TempDir(), Power: power{errors.New("no capability")}})
	if a := r.ask("board.reboot", ""); a.Outcome != "rejected" || a.Error != "no capability" {
		t.Errorf("answer %+v", a)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// The points of the commands are handed through.
func TestFailpointsReachTheCommands(t *testing.T) {
	var settled atomic.Int32
	r := run(t, load(t, ""), Parts{Root: t.TempDir(), Failpoint: func(p c2d.Point, _ string) {
		if p == c2d.PointSettled {
			settled.Add(1)
		}
	}})
	r.ask("ping", "")
	if settled.Load() != 1 {
		t.Errorf("%d commands settled", settled.Load())
	}
}
