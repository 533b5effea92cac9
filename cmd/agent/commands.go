package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// commandCommands lists the commands below "agent commands".
func commandCommands() []command {
	return []command{
		{"commands help", "list the commands this agent knows, or tell all about one", "agent commands help output.set", runCommandHelp},
		{"commands run", "carry out a command here, as the hub's would be", `agent commands run output.set --args '{"output":"pump","on":true}'`, runCommandRun},
	}
}

// runCommands shows the journal, or goes on to the command below "commands".
func runCommands(ctx context.Context, e env, args []string) int {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		for _, c := range commandCommands() {
			if c.name == "commands "+args[0] {
				return c.run(ctx, e, args[1:])
			}
		}
		return unknown(e, "agent commands", args[0], "one of help, run; without either it shows the journal")
	}
	f := flags(e, "commands")
	to := addressed(f)
	dir := f.String("store", "", "`folder` of a store whose agent does not run, in place of asking one")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if *dir == "" {
		answer, err := to.client().Commands(ctx)
		return show(e, to, answer, err, func(w io.Writer) error { return diag.WriteCommands(w, answer) })
	}
	if err := mayBeStore(*dir); err != nil {
		return fail(e, exitStore, err, "name the folder that agent.state_dir names: --store DIR")
	}
	report, err := store.Fsck(ctx, *dir, store.FsckOptions{})
	switch {
	case errors.Is(err, store.ErrLocked):
		return fail(e, exitStore, err, "an agent uses this store: ask it, without --store")
	case errors.Is(err, fs.ErrPermission):
		return fail(e, exitStore, err, hintRights)
	case err != nil:
		return fail(e, exitStore, err, "")
	}
	answer := diag.Commands{Journal: agent.Journal(report.Commands)}
	return show(e, to, answer, nil, func(w io.Writer) error { return diag.WriteCommands(w, answer) })
}

func runCommandHelp(ctx context.Context, e env, args []string) int {
	f := flags(e, "commands help")
	to := addressed(f)
	path := f.String("config", defaultConfig, "configuration `file` to go by when no agent answers")
	names, code, ok := parseArguments(e, f, args)
	switch {
	case !ok:
		return code
	case len(names) > 1:
		return misused(e, f, "name one command, or none for the list")
	}
	answer, err := to.client().Commands(ctx)
	if errors.Is(err, diag.ErrNoAgent) {
		answer, err = describe(e, *path), nil
	}
	if err == nil && *to.json {
		answer.Journal = nil
	}
	return show(e, to, answer, err, func(w io.Writer) error {
		if len(names) == 1 {
			return diag.WriteCommandHelp(w, answer, names[0])
		}
		return diag.WriteCommandList(w, answer)
	})
}

// describe tells the commands without an agent to ask.
func describe(e env, path string) diag.Commands {
	by := path
	cfg, problems := readConfig(path)
	if cfg == nil || len(problems) > 0 {
		cfg, by = config.Default(), "the default configuration"
	}
	fmt.Fprintf(e.err, "no agent answers at the socket: this is by %s\n", by)
	return agent.Describe(cfg)
}

func runCommandRun(ctx context.Context, e env, args []string) int {
	f := flags(e, "commands run")
	to := addressed(f)
	r := diag.CommandRequest{}
	f.StringVar(&r.ID, "id", "", "`text` that makes two calls the same command; default: each is one of its own")
	text := f.String("args", "{}", "arguments, a JSON `object`")
	within := f.Duration("within", 30*time.Second, "how long to wait for the outcome, 1s to 5m")
	names, code, ok := parseArguments(e, f, args)
	switch {
	case !ok:
		return code
	case len(names) != 1:
		return misused(e, f, "name one command; arguments go with --args, as a JSON object")
	case !json.Valid([]byte(*text)):
		return misused(e, f, fmt.Sprintf("--args %s is no JSON", *text))
	case *within < time.Second || *within > 5*time.Minute:
		return misused(e, f, fmt.Sprintf("--within %v is not from 1s to 5m", *within))
	}
	r.Name, r.Args, r.WithinS = names[0], json.RawMessage(*text), within.Seconds()
	answer, err := to.client().Command(ctx, r)
	if code := show(e, to, answer, err, func(w io.Writer) error { return diag.WriteCommandAnswer(w, answer) }); code != exitOK || answer.Outcome == "completed" {
		return code
	}
	return exitFailure
}
