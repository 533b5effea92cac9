package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"fieldpost/internal/agent"
	"fieldpost/internal/diag"
)

// sensorCommands lists the commands below "agent sensors".
func sensorCommands() []command {
	return []command{
		{"sensors read", "take a sample of one sensor now, by the running agent or, without one, by this program", "agent sensors read outdoor", runSensorsRead},
	}
}

// runSensors lists the sensors, or goes on to the command below "sensors".
func runSensors(ctx context.Context, e env, args []string) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return ask(ctx, e, "sensors", args, func(ctx context.Context, c *diag.Client) (any, printer, error) {
			answer, err := c.Sensors(ctx)
			return answer, func(w io.Writer) error { return diag.WriteSensors(w, answer) }, err
		})
	}
	if args[0] == "read" {
		return runSensorsRead(ctx, e, args[1:])
	}
	return unknown(e, "agent sensors", args[0], "read; without it the sensors are listed")
}

// runSensorsRead leaves the bus to a running agent: two that talk on it would
// upset each other.
func runSensorsRead(ctx context.Context, e env, args []string) int {
	f := flags(e, "sensors read")
	to := addressed(f)
	path := f.String("config", defaultConfig, "configuration `file`, for when no agent runs")
	names, code, ok := parseArguments(e, f, args)
	if !ok {
		return code
	}
	if len(names) != 1 {
		return misused(e, f, "name one sensor")
	}
	answer, err := to.client().ReadSensor(ctx, names[0])
	if errors.Is(err, diag.ErrNoAgent) {
		cfg, problems := readConfig(*path)
		if len(problems) > 0 {
			fmt.Fprintf(e.err, "agent: %v, and no configuration to read the sensor by:\n", err)
			tell(e, problems)
			return exitNoAgent
		}
		answer, err = agent.ReadSensor(ctx, cfg, e.parts(), names[0])
		if err != nil {
			return fail(e, exitFailure, err, diag.Hint(err))
		}
	}
	return show(e, to, answer, err, func(w io.Writer) error { return diag.WriteSensors(w, answer) })
}
