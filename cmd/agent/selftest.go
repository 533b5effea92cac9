package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fieldpost/hub"
	"fieldpost/internal/agent"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/keep"
)

// selftest is one run of "agent selftest".
type selftest struct {
	cfg     *config.Config
	parts   agent.Parts
	client  *diag.Client
	outputs []string
	hub     hub.Options // of the hub that the chain is tried against
}

func runSelftest(ctx context.Context, e env, args []string) int {
	f := flags(e, "selftest")
	path := f.String("config", defaultConfig, "configuration `file`")
	socket := f.String("socket", "", "the agent's `path`; default: as agent.socket says")
	outputs := f.String("outputs", "", "comma-separated `names` of outputs to SWITCH: each leaves its safe level for half a second, or for its least time; a running agent does it, by output.pulse, which stands in its journal")
	asJSON := f.Bool("json", false, "print JSON")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	cfg, code := loadConfig(e, *path)
	if code != exitOK {
		return code
	}
	if *socket == "" {
		*socket = cfg.Agent.Socket
	}
	s := selftest{cfg: cfg, parts: e.parts(), client: diag.NewClient(*socket)}
	if *outputs != "" {
		s.outputs = strings.Split(*outputs, ",")
		fmt.Fprintf(e.err, "warning: %s will be switched: see that nobody and nothing is in the way\n", strings.Join(s.outputs, ", "))
	}
	show := newSelftestPrinter(e.out, *asJSON)
	s.run(ctx, show)
	if err := show.end(); err != nil {
		return fail(e, exitFailure, err, "")
	}
	if show.report.Failed > 0 || ctx.Err() != nil {
		return exitFailure
	}
	return exitOK
}

// run makes the checks, one after the other, in the order of the chain.
func (s *selftest) run(ctx context.Context, show *selftestPrinter) {
	scratch, tidy, unwritable := scratchFolder(s.cfg.Agent.StateDir)
	if unwritable != nil {
		var err error
		if scratch, err = os.MkdirTemp("", scratchPattern); err != nil {
			show.row("store", agent.Finding{State: agent.Failed, Detail: errors.Join(unwritable, err).Error(), Hint: hintScratch}, 0)
			return
		}
		tidy = func() { _ = os.RemoveAll(scratch) }
	}
	defer tidy()
	trial := agent.NewTrial(s.cfg, s.parts, scratch)
	checks := func(list ...agent.Check) {
		for _, c := range list {
			if ctx.Err() != nil {
				return
			}
			finding, took := try(ctx, c)
			show.row(c.Name, finding, took)
		}
	}
	there, status := s.running(ctx, show)
	checks(trial.Board()...)
	checks(trial.Files()...)
	switch there {
	case absent:
		checks(trial.Hardware()...)
		checks(trial.Outputs(s.outputs)...)
	case asked:
		checks(agent.AskedSensors(s.cfg, s.client.ReadSensor)...)
		checks(s.askedOutputs()...)
	case silent:
		show.row("sensors", agent.Finding{State: agent.Skipped, Detail: "a running agent has the buses and cannot be asked", Hint: hintRights}, 0)
	}
	if unwritable != nil {
		show.row("store", agent.Finding{State: agent.Failed, Detail: unwritable.Error(), Hint: hintScratch}, 0)
	} else {
		checks(trial.Store()...)
	}
	checks(trial.Way()...)
	switch {
	case s.cfg.Hub.ConnectionStringFile == "":
	case there == absent:
		checks(trial.Admission())
	case there == asked:
		show.row("hub", heldFinding(status), 0)
	default:
		show.row("hub", agent.Finding{State: agent.Skipped, Detail: heldReason}, 0)
	}
	checks(agent.Check{Name: "chain", Within: chainWithin, Run: func(ctx context.Context) agent.Finding { return s.chain(ctx, scratch) }})
}

const hintScratch = hintRights + "; or free or repair the disk that holds agent.state_dir"

// presence is whether the agent of the configuration runs.
type presence int

const (
	absent presence = iota
	asked
	silent // it runs and does not answer us
)

// running finds out whether the agent runs, and tells of one that does.
func (s *selftest) running(ctx context.Context, show *selftestPrinter) (presence, diag.Status) {
	status, err := s.client.Status(ctx)
	none := errors.Is(err, diag.ErrNoAgent)
	switch {
	case err == nil:
		f := agent.Finding{State: agent.Passed, Detail: fmt.Sprintf("runs as pid %d for %s, chain ok", status.Agent.PID, diag.Span(seconds(status.Agent.UptimeS)))}
		if status.Broken != "" {
			f = agent.Finding{State: agent.Failed, Detail: fmt.Sprintf("runs as pid %d and says: %s is broken", status.Agent.PID, status.Broken), Hint: "agent status tells more"}
		}
		show.row("agent", f, 0)
		return asked, status
	case none && !agent.Occupied(s.cfg):
		show.row("agent", agent.Finding{State: agent.Skipped, Detail: "does not run: buses, outputs and the identity are free to be tried"}, 0)
		return absent, status
	case none:
		err = fmt.Errorf("an agent has the store in %s open and nobody answers at %s", s.cfg.Agent.StateDir, s.client.Path)
	}
	show.row("agent", agent.Finding{State: agent.Failed, Detail: err.Error(), Hint: diag.Hint(err)}, 0)
	return silent, status
}

const heldReason = "not tried: a running agent has the connection of this identity, and a second one would take it away"

// heldFinding is what the agent that has the connection says of the hub.
func heldFinding(status diag.Status) agent.Finding {
	f := agent.Finding{State: agent.Skipped, Detail: heldReason, Hint: "stop the agent to try it from here"}
	if status.Link.Phase == "online" {
		f.Detail += fmt.Sprintf("; it is online for %s", diag.Span(seconds(status.Link.SinceS)))
	} else if status.Link.LastError != "" {
		f.Detail += "; its last error: " + status.Link.LastError
	}
	return f
}

const (
	scratchPrefix  = ".selftest-"
	scratchPattern = scratchPrefix + "*"
)

// scratchFolder makes a folder on the file system of dir, which may not be there
// yet, and is not made: it belongs to the agent's user.
func scratchFolder(dir string) (scratch string, tidy func(), err error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); os.IsNotExist(err) && at != filepath.Dir(at) {
			continue
		}
		// What an earlier self-test left when it was killed.
		old, _ := filepath.Glob(filepath.Join(at, scratchPattern))
		for _, o := range old {
			_ = os.RemoveAll(o)
		}
		scratch, err = os.MkdirTemp(at, scratchPattern)
		if err == nil {
			_ = keep.Give(at, scratch) // so that its owner can remove what a killed one leaves
		}
		return scratch, func() { _ = os.RemoveAll(scratch) }, err
	}
}
