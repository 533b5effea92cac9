package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/c2d"
	"fieldpost/internal/config"
)

// flaky is a board whose lines fail on demand.
type flaky struct {
	*boardsim.Board
	take, set error
}

func (f *flaky) Output(name, line string, initial bool) (board.Output, error) {
	if f.take != nil {
		return nil, &board.Error{Op: "take", Thing: "line " + line, Err: f.take}
	}
	o, err := f.Board.Output(name, line, initial)
	return flakyOutput{o, f}, err
}

type flakyOutput struct {
	board.Output
	board *flaky
}

func (o flakyOutput) Set(on bool) error {
	if o.board.set != nil {
		return &board.Error{Op: "set", Thing: "line", Err: o.board.set}
	}
	return o.Output.Set(on)
}

// bench is a set of outputs that is started, in virtual time.
type bench struct {
	*outputs
	t     *testing.T
	board *flaky
}

func newBench(t *testing.T, cfg ...config.Output) *bench {
	b := &bench{t: t, board: &flaky{Board: boardsim.New(boardsim.Options{})}}
	for i := range cfg {
		cfg[i].Line = cfg[i].Name
	}
	b.outputs = newOutputs(b.board, cfg, slog.New(slog.DiscardHandler))
	b.start()
	return b
}

// fail sets the faults of the board, between two calls of the outputs.
func (b *bench) fail(take, set error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.board.take, b.board.set = take, set
}

// try sets an output and returns what kind of answer came: ok, busy, interlock or failed.
func (b *bench) try(name string, on bool) string {
	b.t.Helper()
	_, _, err := b.set(name, func(bool) bool { return on })
	var busy *c2d.BusyError
	var rejected *c2d.RejectError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &busy):
		return "busy"
	case errors.As(err, &rejected) && rejected.Condition == c2d.ConditionInterlock:
		return "interlock"
	default:
		return "failed"
	}
}

// levels prints how every line is driven.
func (b *bench) levels() string {
	var s strings.Builder
	for _, o := range b.all {
		on, driven := b.board.Level(o.cfg.Line)
		fmt.Fprintf(&s, "%s=%v ", o.cfg.Name, driven && on)
	}
	return strings.TrimSpace(s.String())
}

func (b *bench) want(when, levels string) {
	b.t.Helper()
	if got := b.levels(); got != levels {
		b.t.Errorf("%s: %s, want %s", when, got, levels)
	}
}

// A line that is gone is an error of the command; when its chip is back the line is
// taken with the level that is wanted then.
func TestLineGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "fan"})
		b.fail(errors.New("no such chip"), board.ErrGone)
		if got := b.try("fan", true); got != "failed" {
			t.Errorf("set of a line that is gone: %s", got)
		}
		if on, there := b.level("fan"); on || there {
			t.Errorf("on %v, there %v", on, there)
		}
		if name, err := b.missing(); name != "fan" || err == nil {
			t.Errorf("missing %q: %v", name, err)
		}
		b.fail(nil, nil)
		if got := b.try("fan", true); got != "ok" {
			t.Errorf("the chip is back: %s", got)
		}
		b.want("taken anew", "fan=true")
		if name, err := b.missing(); err != nil {
			t.Errorf("missing %q: %v", name, err)
		}
	})
}

// A line that appears late is taken with the level that its output has by then.
func TestLineAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "fan", Initial: true}, config.Output{Name: "lamp"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		b.link(true)
		time.Sleep(time.Hour)
		b.fail(errors.New("no such chip"), board.ErrGone)
		b.try("fan", false)
		time.Sleep(time.Hour)
		if _, there := b.level("fan"); there {
			t.Error("a line without a chip was taken")
		}
		b.fail(nil, nil)
		time.Sleep(takeRetry + time.Second)
		if on, there := b.level("fan"); !on || !there {
			t.Errorf("the chip is back: on %v, there %v", on, there)
		}
		b.want("taken by itself", "fan=true lamp=false")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestOutputCommands(t *testing.T) {
	simulated := boardsim.NewDemoBoard(1)
	r := run(t, load(t, `
[commands]
allow_local = ["output.set", "output.toggle", "output.pulse"]
[[output]]
name = "fan"
line = "GPIO17"
min_on = "20ms"
[[output]]
name = "north"
line = "GPIO1"
group = "valves"
[[output]]
name = "south"
line = "GPIO2"
group = "valves"
`), Parts{Lines: simulated, Root: t.TempDir()})
	for _, c := range []struct{ name, args, outcome, text, line string }{
		{"output.set", `{"output":"north","on":true,"dry_run":true}`, "completed", `"would_set":true`, ""},
		{"output.set", `{"output":"north","on":true}`, "completed", `"was":false`, "GPIO1"},
		{"output.set", `{"output":"south","on":true,"dry_run":true}`, "completed", `output north is on`, "GPIO1"},
		{"output.set", `{"output":"south","on":true}`, "rejected", "at most one of group valves", "GPIO1"},
		{"output.toggle", `{"output":"north"}`, "completed", `"on":false`, ""},
		{"output.toggle", `{"output":"south","dry_run":true}`, "completed", `"would_set":true`, ""},
		{"output.pulse", `{"output":"south","for":"10ms"}`, "completed", `"for_ms":`, ""},
		{"output.pulse", `{"output":"south","for":"10ms","on":false}`, "rejected", "off already", ""},
		{"output.pulse", `{"output":"fan","for":"10ms"}`, "rejected", "below min_on", ""},
		{"output.pulse", `{"output":"fan","for":"10ms","dry_run":true}`, "completed", "below min_on", ""},
		{"output.pulse", `{"output":"fan","for":"31s"}`, "rejected", "above 30 s", ""},
		{"output.set", `{"output":"fin","on":true}`, "rejected", `did you mean \"fan\"`, ""},
		{"output.set", `{"output":"fan","on":true,"of":1}`, "rejected", `unknown argument \"of\"`, ""},
	} {
		a := r.ask(c.name, c.args)
		if a.Outcome != c.outcome || !strings.Contains(string(a.Result)+strings.ReplaceAll(a.Error, `"`, `\"`), c.text) {
			t.Errorf("%s %s: %s %s %s", c.name, c.args, a.Outcome, a.Result, a.Error)
		}
		for _, line := range []string{"GPIO1", "GPIO2", "GPIO17"} {
			if on, _ := simulated.Level(line); on != (line == c.line) {
				t.Errorf("%s %s: line %s is on: %v", c.name, c.args, line, on)
			}
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
