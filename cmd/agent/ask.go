package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
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

// ask puts one question to the running agent and prints the answer.
func ask[T any](ctx context.Context, e env, name string, args []string,
	question func(*diag.Client, context.Context) (T, error), look func(T), write func(io.Writer, T) error) int {
	f := flags(e, name)
	to := addressed(f)
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	answer, err := question(to.client(), ctx)
	if err == nil && look != nil {
		look(answer)
	}
	return show(e, to, answer, err, write)
}

// address is where a question goes, and how its answer is printed.
type address struct {
	socket *string
	json   *bool
}

func addressed(f *flag.FlagSet) address {
	return address{f.String("socket", defaultSocket, "the agent's `path`"), f.Bool("json", false, "print JSON")}
}

func (a address) client() *diag.Client { return diag.NewClient(*a.socket) }

// show prints an answer, or says why there is none.
func show[T any](e env, to address, answer T, err error, write func(io.Writer, T) error) int {
	if err != nil {
		return unanswered(e, err)
	}
	if *to.json {
		err = printJSON(e.out, answer)
	} else {
		err = write(e.out, answer)
	}
	if err != nil {
		return fail(e, exitFailure, err, diag.Hint(err))
	}
	return exitOK
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// unanswered says why a running agent did not answer.
func unanswered(e env, err error) int {
	code := exitFailure
	if errors.Is(err, diag.ErrNoAgent) {
		code = exitNoAgent
	}
	return fail(e, code, err, diag.Hint(err))
}
