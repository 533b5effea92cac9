package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"fieldpost/internal/agent"
)

// version is stamped by scripts/cross-build.sh.
var version = "dev"

// Exit codes of every command.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitConfig  = 3
	exitStore   = 4
	exitNoAgent = 5
)

// command is one word after "agent".
type command struct {
	name    string
	summary string
	example string
	run     func(ctx context.Context, e env, args []string) int
}

// env is what a command has around it. Tests hand in buffers, and somebody who
// watches the agent.
type env struct {
	out, err io.Writer
	watch    agent.Watch
}

func commands() []command {
	return []command{
		{"run", "sample, queue, drain and obey, until stopped", "agent run --config /etc/fieldpost/agent.toml", runAgent},
		{"demo", "show the whole thing against a hub on this machine; no hardware, no cloud", "agent demo --duration 20s", runDemo},
		{"check", "tell every fault of a configuration and of the files it names", "agent check --config /etc/fieldpost/agent.toml", runCheck},
		{"status", "ask the running agent what is wrong", "agent status", runStatus},
		{"sensors", "list the sensors and what they said last", "agent sensors", runSensors},
		{"queue", "show what waits, what died and what was lost", "agent queue", runQueue},
		{"commands", "list the commands this agent knows and the latest it got", "agent commands", runCommands},
		{"version", "print the version", "agent version", runVersion},
	}
}

func main() {
	// A reader of log or output that ends must not end the agent.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal must end the program at once, so the first one gives the
	// signals back to the system; not before the copies have passed that shells
	// and timeout(1) send of one and the same.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(dispatch(ctx, env{out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

func dispatch(ctx context.Context, e env, args []string) int {
	if len(args) == 0 {
		usage(e.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(e.out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, e, args[1:])
		}
	}
	fmt.Fprintf(e.err, "agent: unknown command %q\nhint: \"agent help\" lists the commands\n", args[0])
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "agent samples sensors, keeps every reading until the hub has accepted it, and obeys the hub's commands once.\n\nUsage:\n  agent COMMAND [flags]\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n\"agent COMMAND --help\" shows the flags and an example. Without hardware or cloud, begin with: agent demo\n")
}

// flags makes the flag set of a command, with help that ends in an example.
func flags(e env, name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(e.err)
	f.Usage = func() {
		for _, c := range commands() {
			if c.name == name {
				fmt.Fprintf(f.Output(), "agent %s: %s\n\nFlags:\n", name, c.summary)
				f.PrintDefaults()
				fmt.Fprintf(f.Output(), "\nExample:\n  %s\n", c.example)
			}
		}
	}
	return f
}

// parse returns false with the exit code when the command should not go on.
func parse(e env, f *flag.FlagSet, args []string) (int, bool) {
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			f.SetOutput(e.out)
		}
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	case err != nil:
		return exitUsage, false
	case f.NArg() > 0:
		fmt.Fprintf(e.err, "agent %s: unexpected argument %q\nhint: \"agent %s --help\" shows the flags\n", f.Name(), f.Arg(0), f.Name())
		return exitUsage, false
	}
	return exitOK, true
}

// fail says what failed and what to do next, and returns code.
func fail(e env, code int, err error, hint string) int {
	fmt.Fprintf(e.err, "agent: %v\n", err)
	if hint != "" {
		fmt.Fprintf(e.err, "hint: %s\n", hint)
	}
	return code
}

func runVersion(_ context.Context, e env, args []string) int {
	if code, ok := parse(e, flags(e, "version"), args); !ok {
		return code
	}
	fmt.Fprintln(e.out, version)
	return exitOK
}
