package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"fieldpost/internal/diag"
)

const defaultSocket = "/run/fieldpost/agent.sock"

func runStatus(ctx context.Context, e env, args []string) int {
	code := exitOK
	asked := ask(ctx, e, "status", args, (*diag.Client).Status, func(s diag.Status) {
		if !s.OK {
			code = exitFailure
		}
	}, diag.WriteStatus)
	return max(code, asked)
}

func runSensors(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "sensors", args, (*diag.Client).Sensors, nil, diag.WriteSensors)
}

func runQueue(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "queue", args, (*diag.Client).Queue, nil, diag.WriteQueue)
}

func runCommands(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "commands", args, (*diag.Client).Commands, nil, diag.WriteCommands)
}

// ask puts one question to the running agent and prints the answer.
func ask[T any](ctx context.Context, e env, name string, args []string,
	question func(*diag.Client, context.Context) (T, error), look func(T), write func(io.Writer, T) error) int {
	f := flags(e, name)
	socket := f.String("socket", defaultSocket, "the agent's `path`")
	asJSON := f.Bool("json", false, "print JSON")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	answer, err := question(diag.NewClient(*socket), ctx)
	switch {
	case errors.Is(err, diag.ErrNoAgent):
		return fail(e, exitNoAgent, err, diag.Hint(err))
	case err != nil:
		return fail(e, exitFailure, err, diag.Hint(err))
	}
	if look != nil {
		look(answer)
	}
	if *asJSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(answer)
	} else {
		err = write(e.out, answer)
	}
	if err != nil {
		return fail(e, exitFailure, err, "")
	}
	return exitOK
}
