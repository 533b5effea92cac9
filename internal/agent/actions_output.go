package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldpost/c2d"
)

// maxPulse is the longest pulse: its command lasts as long, and has to end before
// the deadline of an action.
const maxPulse = 30 * time.Second

func (a *Agent) outputActions() []c2d.Action {
	name := c2d.Arg{Name: "output", Type: "string", Required: true, OneOf: a.outputNames(), Help: "name of the output"}
	target := func(args c2d.Args) string { return a.outputs.target(args.String("output")) }
	// level is the one that a command wants, by the one there is.
	level := func(args c2d.Args) func(bool) bool {
		return func(bool) bool { return args.Bool("on") }
	}
	toggled := func(c2d.Args) func(bool) bool { return func(now bool) bool { return !now } }
	pulsed := func(args c2d.Args) func(bool) bool {
		return func(bool) bool { return !args.Has("on") || args.Bool("on") }
	}
	return []c2d.Action{
		{
			Name: "output.set",
			Help: "switches an output",
			Args: []c2d.Arg{name, {Name: "on", Type: "boolean", Required: true, Help: "true switches it on"}},
			// Setting a level twice has the effect of setting it once.
			Repeat: c2d.Repeatable,
			Target: target,
			Ready:  a.outputReady(level),
			Run:    a.setOutput(level),
			DryRun: a.wouldSwitch(level),
		},
		{
			Name:   "output.toggle",
			Help:   "switches an output to the other level",
			Args:   []c2d.Arg{name},
			Target: target,
			Ready:  a.outputReady(toggled),
			Run:    a.setOutput(toggled),
			DryRun: a.wouldSwitch(toggled),
		},
		{
			Name: "output.pulse",
			Help: "switches an output for a while and back; the command ends when it is back",
			Args: []c2d.Arg{
				name,
				{Name: "for", Type: "duration", Required: true, Help: "how long", Min: inSeconds(10 * time.Millisecond), Max: inSeconds(maxPulse)},
				{Name: "on", Type: "boolean", Help: "level of the pulse; default true"},
			},
			Target: target,
			Ready: func(args c2d.Args) error {
				if err := a.pulsePossible(args, pulsed(args)(false)); err != nil {
					return err
				}
				return a.outputReady(pulsed)(args)
			},
			Run: func(ctx context.Context, args c2d.Args) (any, error) {
				return a.pulse(ctx, args.String("output"), pulsed(args)(false), args.Duration("for"))
			},
			DryRun: a.wouldSwitch(pulsed),
		},
	}
}

type wanted func(c2d.Args) func(now bool) bool

func (a *Agent) outputReady(want wanted) func(c2d.Args) error {
	return func(args c2d.Args) error { return a.outputs.ready(args.String("output"), want(args)) }
}

func (a *Agent) setOutput(want wanted) func(context.Context, c2d.Args) (any, error) {
	return func(_ context.Context, args c2d.Args) (any, error) {
		name := args.String("output")
		was, on, err := a.outputs.set(name, want(args))
		if err != nil {
			return nil, err
		}
		a.parts.Log.Info("output switched", "output", name, "on", on, "was", was)
		return map[string]any{"output": name, "on": on, "was": was}, nil
	}
}

// pulsePossible refuses what would be no pulse, or break a least time at its end.
func (a *Agent) pulsePossible(args c2d.Args, on bool) error {
	name, d := args.String("output"), args.Duration("for")
	c := a.outputs.config(name)
	least, key := c.MinOff, "min_off"
	if on {
		least, key = c.MinOn, "min_on"
	}
	if d < least {
		return &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: fmt.Sprintf("argument \"for\": %v is below %s of the output, which is %v", d, key, least)}
	}
	if now, there := a.outputs.level(name); there && now == on {
		return &c2d.RejectError{Condition: c2d.ConditionInterlock, Reason: fmt.Sprintf("output %s is %s already", name, onOff(on))}
	}
	return nil
}

// pulse switches an output and back. When ctx ends it is switched back early.
func (a *Agent) pulse(ctx context.Context, name string, on bool, d time.Duration) (any, error) {
	if err := a.outputs.pulse(name, on); err != nil {
		return nil, err
	}
	began := time.Now()
	end := time.NewTimer(d)
	defer end.Stop()
	var early error
	select {
	case <-end.C:
	case <-ctx.Done():
		early = ctx.Err()
	}
	err := a.outputs.restore(name, !on)
	switch {
	case errors.Is(err, errMadeSafe):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("output %s was switched %s and not back: %w", name, onOff(on), errors.Join(err, early))
	}
	if early != nil {
		return nil, early
	}
	return map[string]any{"output": name, "on": on, "for_ms": time.Since(began).Milliseconds()}, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// wouldSwitch tells what a command would do to an output, and what forbids it now.
func (a *Agent) wouldSwitch(want wanted) func(context.Context, c2d.Args) (any, error) {
	return func(_ context.Context, args c2d.Args) (any, error) {
		name := args.String("output")
		now, there := a.outputs.level(name)
		would := map[string]any{"output": name, "is": now, "would_set": want(args)(now), "available": there}
		err := a.outputs.ready(name, want(args))
		if err == nil && args.Has("for") {
			err = a.pulsePossible(args, want(args)(now))
		}
		if err != nil {
			would["forbidden_now"] = err.Error()
		}
		return would, nil
	}
}

func (a *Agent) outputNames() []string {
	var names []string
	for _, o := range a.cfg.Outputs {
		names = append(names, o.Name)
	}
	return names
}
