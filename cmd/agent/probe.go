package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"fieldpost/internal/agent"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// runProbe leaves the buses to a running agent, which looks between its samples.
func runProbe(ctx context.Context, e env, args []string) int {
	f := flags(e, "probe")
	to := addressed(f)
	path := f.String("config", defaultConfig, "configuration `file`, for when no agent runs: what is in it is not offered again")
	bus := f.String("bus", "", "look at this bus only, and at all of it however slow it is: a device `file`, or a name in the configuration")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	found, err := to.client().Probe(ctx, diag.ProbeRequest{Bus: *bus})
	if errors.Is(err, diag.ErrNoAgent) {
		cfg, problems := readConfig(*path)
		if len(problems) > 0 {
			fmt.Fprintf(e.err, "no agent runs, and %s is not usable: everything found is offered\n", *path)
			cfg = config.Default()
		}
		limit, cancel := context.WithTimeout(ctx, diag.ProbeWithin)
		defer cancel()
		found, err = agent.Probe(limit, cfg, e.parts(), *bus)
		if err != nil {
			return fail(e, exitFailure, err, diag.Hint(err))
		}
	}
	code := show(e, to, found, err, func(w io.Writer) error { return diag.WriteProbe(w, found) })
	if code == exitOK && *bus != "" && found.Buses[0].Problem != "" {
		return exitFailure
	}
	return code
}
