package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// lateFor is what a check gets on top of its deadline, to say itself what it
// waited for.
const lateFor = 2 * time.Second

// try makes one check. One that does not return is left behind, one that panics
// has failed.
func try(ctx context.Context, c agent.Check) (f agent.Finding, took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	began, done := time.Now(), make(chan agent.Finding, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- agent.Finding{State: agent.Failed, Detail: fmt.Sprintf("panicked: %v", p), Hint: "this is a fault of the agent: report it"}
			}
		}()
		done <- c.Run(ctx)
	}()
	late := time.NewTimer(c.Within + lateFor)
	defer late.Stop()
	select {
	case f = <-done:
	case <-late.C:
		f = agent.Finding{State: agent.Failed, Detail: fmt.Sprintf("has not returned for %s", diag.Span(c.Within+lateFor)),
			Hint: "something below hangs: a bus (power-cycle the parts on it), a disk, or the resolver"}
	}
	return f, time.Since(began)
}

const pulseCommand = "output.pulse"

// askedOutputs has the running agent pulse outputs, by its own checks and locks.
func (s *selftest) askedOutputs() []agent.Check {
	var checks []agent.Check
	for _, name := range s.outputs {
		checks = append(checks, agent.Check{Name: "output " + name, Within: time.Minute, Run: func(ctx context.Context) agent.Finding {
			return s.pulse(ctx, name)
		}})
	}
	return checks
}

func (s *selftest) pulse(ctx context.Context, name string) agent.Finding {
	i := slices.IndexFunc(s.cfg.Outputs, func(o config.Output) bool { return o.Name == name })
	if i < 0 {
		var there []string
		for _, o := range s.cfg.Outputs {
			there = append(there, o.Name)
		}
		return agent.Finding{State: agent.Failed, Detail: fmt.Sprintf("no output %q", name), Hint: diag.ThereAre(there, "[[output]]")}
	}
	o := s.cfg.Outputs[i]
	args, err := json.Marshal(map[string]any{"output": name, "on": !o.Safe, "for": agent.PulseOf(o).String()})
	if err != nil {
		return agent.Finding{State: agent.Failed, Detail: err.Error()}
	}
	// Even a command that is refused stands in the agent's journal.
	known, err := s.client.Commands(ctx)
	if err != nil {
		return agent.Finding{State: agent.Failed, Detail: err.Error(), Hint: diag.Hint(err)}
	}
	if !slices.ContainsFunc(known.Actions, func(a diag.Action) bool { return a.Name == pulseCommand && slices.Contains(a.Doors, "local") }) {
		return agent.Finding{State: agent.Skipped, Detail: "the running agent does not let the socket switch outputs",
			Hint: "add output.pulse to commands.allow_local, or stop the agent first"}
	}
	answer, err := s.client.Command(ctx, diag.CommandRequest{Name: pulseCommand, Args: args, WithinS: 45})
	switch {
	case err != nil:
		return agent.Finding{State: agent.Failed, Detail: err.Error(), Hint: diag.Hint(err)}
	case answer.Outcome != "completed":
		return agent.Finding{State: agent.Failed, Detail: answer.Outcome + ": " + answer.Error, Hint: "agent status tells how the board and its lines are"}
	}
	return agent.Finding{State: agent.Passed, Detail: "pulsed by the running agent; nothing tells whether something moved: look"}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
