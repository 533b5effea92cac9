package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"fieldpost/hub"
)

// faulting are the flags of hub fault.
type faulting struct {
	socket socketFlags
	json   bool
}

func faultCommand() command {
	return command{
		name:    "fault",
		args:    "add LINE | list | heal ID | clear",
		summary: "let a local hub that runs misbehave, and stop it",
		help: `Asks the hub that serves --dir, or whose control socket is --control. A LINE names
a fault, and in any order whom it strikes, when, how often and for how long;
docs/HUB.md has the language. add prints the number by which heal ends it, and
clear heals all. list tells how often each has struck, and which are over.

Faults:
` + columns(hub.FaultNames(), 78),
		example: "hub fault --dir ~/hub add 'reject telemetry device=gateway-1 condition=amqp:internal-error count=5'",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var f faulting
			f.socket.define(flags)
			flags.BoolVar(&f.json, "json", false, "print one JSON object a line")
			return func(ctx context.Context, std streams, args []string) error {
				words, err := arguments(flags, args)
				if err != nil {
					return err
				}
				return f.run(ctx, std.out, words)
			}
		},
	}
}

func (f *faulting) run(ctx context.Context, out io.Writer, words []string) error {
	if len(words) == 0 {
		return usagef("what to do? add, list, heal or clear")
	}
	if err := f.socket.check(); err != nil {
		return err
	}
	client := controlClient{f.socket.path()}
	switch verb, words := words[0], words[1:]; verb {
	case "add":
		return f.add(ctx, out, client, strings.Join(words, " "))
	case "list":
		if err := noArguments(words); err != nil {
			return err
		}
		return f.list(ctx, out, client)
	case "heal":
		return f.heal(ctx, client, words)
	case "clear":
		if err := noArguments(words); err != nil {
			return err
		}
		healed, err := client.clearFaults(ctx)
		if err != nil {
			return err
		}
		if f.json {
			return printJSON(out, healed)
		}
		_, err = fmt.Fprintf(out, "healed     %d\n", healed.Healed)
		return err
	default:
		return usagef("%q is not add, list, heal or clear", verb)
	}
}

func (f *faulting) add(ctx context.Context, out io.Writer, client controlClient, line string) error {
	if _, err := hub.ParseFault(line); err != nil {
		return &usageError{err}
	}
	added, err := client.addFault(ctx, line)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, added)
	}
	_, err = fmt.Fprintf(out, "%-10d %s\n", added.ID, printable(added.Fault))
	return err
}

func (f *faulting) list(ctx context.Context, out io.Writer, client controlClient) error {
	all, err := client.faults(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if f.json {
			err = printJSON(out, s)
		} else {
			state := "active"
			if s.Over {
				state = "over"
			}
			_, err = fmt.Fprintf(out, "%-6d %-7s struck %-6d %s\n", s.ID, state, s.Struck, printable(s.Fault))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *faulting) heal(ctx context.Context, client controlClient, words []string) error {
	if len(words) != 1 {
		return usagef("heal takes the number of one fault")
	}
	id, err := strconv.Atoi(words[0])
	if err != nil || id < 1 {
		return usagef("%q is not the number of a fault: hub fault list has them", words[0])
	}
	return client.healFault(ctx, id)
}

// columns puts words into lines of at most width bytes.
func columns(words []string, width int) string {
	var b strings.Builder
	line := " "
	for _, w := range words {
		if len(line)+1+len(w) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + w
	}
	return b.String() + line
}
