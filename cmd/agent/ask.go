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
	asked := ask(ctx, e, "status", args, func(ctx context.Context, c *diag.Client) (any, printer, error) {
		answer, err := c.Status(ctx)
		if err == nil && !answer.OK {
			code = exitFailure
		}
		return answer, func(w io.Writer) error { return diag.WriteStatus(w, answer) }, err
	})
	return max(code, asked)
}

// printer prints an answer for a person.
type printer func(io.Writer) error

// ask puts one question to the running agent and prints the answer. It has no type
// parameter, because an instance for each type of answer weighs a kilobyte.
func ask(ctx context.Context, e env, name string, args []string, question func(context.Context, *diag.Client) (any, printer, error)) int {
	f := flags(e, name)
	to := addressed(f)
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	answer, write, err := question(ctx, to.client())
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
func show(e env, to address, answer any, err error, write printer) int {
	if err != nil {
		return unanswered(e, err)
	}
	if *to.json {
		err = printJSON(e.out, answer)
	} else {
		err = write(e.out)
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
