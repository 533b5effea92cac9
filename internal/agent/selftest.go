package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// States of a Finding.
const (
	Passed  = "pass"
	Failed  = "fail"
	Skipped = "skipped"
)

// Check is one thing that a self-test tries.
type Check struct {
	Name   string
	Within time.Duration // after which it counts as failed
	Run    func(context.Context) Finding
}

// Finding is what came of a Check.
type Finding struct {
	State  string // Passed, Failed or Skipped
	Detail string // what was found, or why not
	Hint   string // the next move of a person; may be empty
}

func passed(format string, args ...any) Finding {
	return Finding{State: Passed, Detail: fmt.Sprintf(format, args...)}
}

func skipped(reason, hint string) Finding { return Finding{Skipped, reason, hint} }

func failed(err error, hint string) Finding {
	if h := diag.Hint(err); h != "" {
		hint = h
	}
	return Finding{Failed, err.Error(), hint}
}

// Trial is a configuration whose gateway is tried, by one Check after the other.
// It touches neither the queue nor the journal of the configuration's agent.
type Trial struct {
	agent   *Agent
	scratch string // folder that is the trial's own, on the file system of the queue
}

// NewTrial makes a trial of cfg, whose agent does not run. Scratch is a folder that
// may be filled and goes with the caller, on the file system of agent.state_dir.
func NewTrial(cfg *config.Config, parts Parts, scratch string) *Trial {
	t := &Trial{agent: New(cfg, parts), scratch: scratch}
	_ = t.agent.floor.Load() // without it time goes by the date of the build
	return t
}

// Occupied reports whether an agent has the store of cfg open, whether or not it
// can be asked.
func Occupied(cfg *config.Config) bool { return store.InUse(cfg.Agent.StateDir) }

// Board is the check of the board itself, as far as it tells how it is.
func (t *Trial) Board() []Check {
	return []Check{{"board", 5 * time.Second, func(context.Context) Finding {
		h := t.agent.hardware
		h.meet()
		h.look()
		b := h.shown()
		switch state, reason, hint := verdictOf(b); {
		case state == diag.Broken:
			return Finding{Failed, reason, hint}
		case reason != "":
			return Finding{Passed, reason, hint}
		case b.Supply == nil:
			return skipped("this machine does not tell how its supply is", "")
		}
		return passed("%s; its supply, temperature and card are well", cmp.Or(b.Model, "an unknown board"))
	}}}
}

// Files are the checks of what the configuration points to, and of the clock.
func (t *Trial) Files() []Check {
	return []Check{
		{"clock", time.Second, func(context.Context) Finding { return t.clock() }},
		{"files", 5 * time.Second, func(context.Context) Finding { return t.files() }},
	}
}

func (t *Trial) clock() Finding {
	now := t.agent.parts.Clock.Now()
	var a diag.Agent
	clockOf(&a, now, t.agent.floor.Earliest.At())
	at := diag.Moment(now.Wall)
	switch now.Trust {
	case clock.TrustNone:
		return Finding{Failed, at + ": " + a.ClockMeans, a.ClockHint}
	case clock.TrustPlausible:
		return Finding{Passed, at + ", plausible: " + a.ClockMeans, a.ClockHint}
	}
	return passed("%s, synchronised", at)
}

// files reports the first fault. The clock has a row of its own.
func (t *Trial) files() Finding {
	now := t.agent.parts.Clock.Now()
	now.Trust = max(now.Trust, clock.TrustPlausible)
	now.Wall = t.agent.floor.Earliest.Present(now)
	parts := t.agent.parts
	problems := slices.Concat(CheckFiles(t.agent.cfg, now), CheckSocket(t.agent.cfg), CheckLight(t.agent.cfg, parts.Root, parts.Lines))
	if len(problems) == 0 {
		return passed("what the configuration names is there and readable")
	}
	text := problems[0].String()
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more: agent check tells all)", n)
	}
	return Finding{Failed, text, problems[0].Hint}
}

// Hardware are the checks of buses and sensors, which are opened for it.
func (t *Trial) Hardware() []Check {
	var checks []Check
	var shut sync.Map // buses that are not open, or not yet
	for _, b := range t.agent.cfg.Buses {
		checks = append(checks, Check{"bus " + b.Name, 10 * time.Second, func(context.Context) Finding {
			shut.Store(b.Name, true)
			bus, err := t.agent.open(b)
			if err != nil {
				return failed(err, "")
			}
			shut.Delete(b.Name)
			_ = bus.Close()
			n := 0
			for _, s := range t.agent.cfg.Sensors {
				if s.Bus == b.Name {
					n++
				}
			}
			return passed("%s opens; %s on it", b.Device, diag.Plural(uint64(n), "sensor"))
		}})
	}
	for _, s := range t.agent.cfg.Sensors {
		checks = append(checks, Check{"sensor " + s.Name, sensorWithin(s), func(ctx context.Context) Finding {
			if _, is := shut.Load(s.Bus); is {
				return skipped("waiting for bus "+s.Bus, "")
			}
			return JudgeSensor(ReadSensor(ctx, t.apart(), t.agent.parts, s.Name))
		}})
	}
	return checks
}

// apart is the configuration without its state folder: a counter keeps its number
// there.
func (t *Trial) apart() *config.Config {
	cfg := *t.agent.cfg
	cfg.Agent.StateDir = t.scratch
	return &cfg
}

// sensorWithin is how long a sensor may take: opening and reading it, each with
// the deadline of a sampler.
func sensorWithin(s config.Sensor) time.Duration { return 15*time.Second + 2*s.Timeout }

// AskedSensors are the checks of the sensors of an agent that runs: it reads them,
// because two that talk on a bus upset each other.
func AskedSensors(cfg *config.Config, read func(ctx context.Context, name string) (diag.Sensors, error)) []Check {
	var checks []Check
	var answered sync.Map // names of buses, by sensor
	for _, s := range cfg.Sensors {
		checks = append(checks, Check{"sensor " + s.Name, sensorWithin(s), func(ctx context.Context) Finding {
			f := JudgeSensor(read(ctx, s.Name))
			if f.State == Passed {
				answered.Store(s.Name, s.Bus)
			}
			return f
		}})
	}
	for _, b := range cfg.Buses {
		on := 0
		for _, s := range cfg.Sensors {
			if s.Bus == b.Name {
				on++
			}
		}
		checks = append(checks, Check{"bus " + b.Name, time.Second, func(context.Context) Finding {
			n := 0
			answered.Range(func(_, bus any) bool {
				if bus == b.Name {
					n++
				}
				return true
			})
			switch {
			case on == 0:
				return skipped("the running agent reads no sensor on it", "add the parts on it as [[sensor]], or take the [[bus]] out")
			case n == 0:
				return Finding{Failed, b.Device + ": no sensor on it gave a good value", "see the sensors above; agent sensors tells more"}
			default:
				return passed("%s: %d of %s on it gave values, read by the running agent", b.Device, n, diag.Plural(uint64(on), "sensor"))
			}
		}})
	}
	return checks
}

// JudgeSensor tells what a sample of one sensor is worth.
func JudgeSensor(answer diag.Sensors, err error) Finding {
	const hint = "check the wires, the supply and the address of the sensor"
	switch {
	case err != nil:
		return failed(err, hint)
	case len(answer.Sensors) == 0 || answer.Sensors[0].Last == nil || len(answer.Sensors[0].Last.Values) == 0:
		return failed(errors.New("it answered without a value"), hint)
	}
	var words []string
	bad := 0
	values := answer.Sensors[0].Last.Values
	for _, v := range values {
		text := v.Name + " " + v.Text()
		switch v.Quality {
		case "bad":
			bad++
			text = v.Name + " bad: " + v.Reason
		case "suspect":
			text += " suspect: " + v.Reason
		}
		words = append(words, text)
	}
	f := passed("%s", strings.Join(words, ", "))
	if bad == len(values) {
		f.State, f.Hint = Failed, hint
	}
	return f
}

// Outputs are the checks of the named outputs, which are switched.
func (t *Trial) Outputs(names []string) []Check {
	var checks []Check
	for _, name := range names {
		i := slices.IndexFunc(t.agent.cfg.Outputs, func(o config.Output) bool { return o.Name == name })
		if i < 0 {
			checks = append(checks, Check{"output " + name, time.Second, func(context.Context) Finding {
				return failed(fmt.Errorf("no output %q", name), diag.ThereAre(t.agent.outputNames(), "[[output]]"))
			}})
			continue
		}
		o := t.agent.cfg.Outputs[i]
		checks = append(checks, Check{"output " + name, PulseOf(o) + 10*time.Second, func(ctx context.Context) Finding {
			return t.output(ctx, o)
		}})
	}
	return checks
}

// testPulse is how long an output is switched by a self-test, unless it has to be
// longer.
const testPulse = 500 * time.Millisecond

// PulseOf is how long a self-test switches an output.
func PulseOf(o config.Output) time.Duration {
	if o.Safe {
		return max(testPulse, o.MinOff)
	}
	return max(testPulse, o.MinOn)
}

// output switches an output away from its safe level and back, whatever happens.
func (t *Trial) output(ctx context.Context, o config.Output) (f Finding) {
	pulse := PulseOf(o)
	if pulse > maxPulse {
		return skipped(fmt.Sprintf("would have to be %s for %s", onOff(!o.Safe), diag.Span(pulse)), "start the agent and use agent commands run output.set")
	}
	line, err := t.agent.parts.Lines.Output(o.Name, o.Line, o.Safe)
	if err != nil {
		return failed(err, "")
	}
	defer func() {
		if err := errors.Join(line.Set(o.Safe), line.Close()); err != nil {
			f = failed(fmt.Errorf("not back at its safe level: %w", err), "look at what it switches, now")
		}
	}()
	if err := line.Set(!o.Safe); err != nil {
		return failed(err, "")
	}
	select {
	case <-time.After(pulse):
	case <-ctx.Done():
		return failed(ctx.Err(), "")
	}
	return passed("%s was %s for %s and is %s again; nothing tells whether something moved: look", o.Line, onOff(!o.Safe), diag.Span(pulse), onOff(o.Safe))
}
