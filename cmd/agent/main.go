package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
)

// version is stamped by scripts/cross-build.sh.
var version = "dev"

// built is the date of the commit in RFC 3339, stamped likewise: the present is
// not before it.
var built string

// Exit codes of every command.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitConfig  = 3
	exitStore   = 4
	exitNoAgent = 5
)

// hintRights is the next move of a user who may not read what is the agent's.
const hintRights = "run it as root or as the agent's user"

// command is one word after "agent", or several where the first has commands of
// its own.
type command struct {
	name    string
	summary string
	example string
	run     func(ctx context.Context, e env, args []string) int
}

// env is what a command has around it. Tests hand in buffers, and what replaces
// the machine.
type env struct {
	out, err  io.Writer
	machine   *agent.Parts        // nil = this one
	described func(*flag.FlagSet) // takes a command's flags in place of printing its help
}

// parts are those of every agent that a command makes of a configuration.
func (e env) parts() (p agent.Parts) {
	if e.machine != nil {
		p = *e.machine
	}
	p.Version, p.Built = version, buildDate()
	return p
}

// now is what the machine's clock says, with how far it can be trusted.
func (e env) now() clock.Stamp { return cmp.Or(e.parts().Clock, clock.System()).Now() }

func commands() []command {
	return []command{
		{"run", "sample, queue, drain and obey, until stopped", "agent run --config /etc/fieldpost/agent.toml", runAgent},
		{"demo", "show the whole thing against a hub on this machine; no hardware, no cloud", "agent demo --duration 20s", runDemo},
		{"selftest", "try buses, sensors, disk, clock, the way to the hub and the whole chain", "agent selftest --config /etc/fieldpost/agent.toml", runSelftest},
		{"check", "tell every fault of a configuration and of the files it names", "agent check --config /etc/fieldpost/agent.toml", runCheck},
		{"provision", "take configuration and credentials from a boot partition, check them, and wipe them there", "agent provision --from /boot/firmware/fieldpost --to /etc/fieldpost", runProvision},
		{"status", "ask the running agent what is wrong", "agent status", runStatus},
		{"top", "watch the running agent, live, in any terminal", "agent top", runTop},
		{"sensors", "list the sensors and what they said last", "agent sensors", runSensors},
		{"probe", "look for buses and the parts on them, and write the configuration for what is found", "agent probe --bus /dev/i2c-1", runProbe},
		{"queue", "show what waits, what died and what was lost; look inside, and decide about dead letters", "agent queue", runQueue},
		{"commands", "show the commands the agent got and what became of them; tell what there is; run one here", "agent commands", runCommands},
		{"tail", "show what happens, line by line: readings, settlements, commands, changes", "agent tail --sensor outdoor", runTail},
		{"log", "show the end of the agent's log", "agent log -f --level warn", runLog},
		{"loglevel", "show or set the least level that is logged", "agent loglevel debug --for 10m", runLogLevel},
		{"bundle", "gather all there is to know into one file, for somebody far away; show what such a file says", "agent bundle -o gateway.tar.gz", runBundle},
		{"fsck", "look at the store of an agent that does not run: what is there, what is damaged", "agent fsck --store /var/lib/fieldpost --salvage records.jsonl", runFsck},
		{"version", "print the version", "agent version", runVersion},
	}
}

// allCommands lists every command there is, those below others too. The manual page
// and the completions of shells are made from it: each of them must parse its flags
// before it does anything.
//
//go:generate go test . -run ^(TestMadeFromCommands|TestEverySituationIsTold)$ -update
func allCommands() []command {
	return slices.Concat(commands(), sensorCommands(), queueCommands(), commandCommands(), bundleCommands())
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
		if len(args) > 1 && args[1] != "help" && !strings.HasPrefix(args[1], "-") {
			return dispatch(ctx, e, append(args[1:len(args):len(args)], "--help"))
		}
		usage(e.out)
		return exitOK
	case "-version", "--version":
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, e, args[1:])
		}
	}
	return unknown(e, "agent", args[0], `"agent help" lists the commands`)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "agent samples sensors, keeps every reading until the hub has accepted it, and obeys the hub's commands once.\n\nUsage:\n  agent COMMAND [flags]\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n\"agent COMMAND --help\" shows the flags and an example. Without hardware or cloud, begin with: agent demo\n")
}

// flags makes the flag set of a command, with help that ends in an example and
// the commands below it.
func flags(e env, name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(e.err)
	f.Usage = func() {
		if e.described != nil {
			e.described(f)
			return
		}
		w := f.Output()
		var below []command
		for _, c := range allCommands() {
			switch {
			case c.name == name:
				fmt.Fprintf(w, "agent %s: %s\n\nFlags:\n", name, c.summary)
				f.PrintDefaults()
				fmt.Fprintf(w, "\nExample:\n  %s\n", c.example)
			case strings.HasPrefix(c.name, name+" "):
				below = append(below, c)
			}
		}
		if len(below) > 0 {
			fmt.Fprint(w, "\nCommands below it, each with --help:\n")
		}
		for _, c := range below {
			fmt.Fprintf(w, "  agent %-17s %s\n", c.name, c.summary)
		}
	}
	return f
}

// parse returns false with the exit code when the command should not go on. The
// command takes flags only.
func parse(e env, f *flag.FlagSet, args []string) (int, bool) {
	rest, code, ok := parseArguments(e, f, args)
	if ok && len(rest) > 0 {
		return misused(e, f, fmt.Sprintf("unexpected argument %q", rest[0])), false
	}
	return code, ok
}

// parseArguments is parse for a command that takes arguments too, before, between
// and behind the flags.
func parseArguments(e env, f *flag.FlagSet, args []string) (rest []string, code int, ok bool) {
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			f.SetOutput(e.out)
		}
	}
	for {
		switch err := f.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, exitOK, false
		case err != nil:
			return nil, exitUsage, false
		case f.NArg() == 0:
			return rest, exitOK, true
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// misused says how a command was typed wrongly.
func misused(e env, f *flag.FlagSet, problem string) int {
	say(e, "agent "+f.Name()+": "+problem, `"agent `+f.Name()+` --help" shows the flags and an example`)
	return exitUsage
}

// unknown says that a command has none below it of that name.
func unknown(e env, command, name, hint string) int {
	say(e, fmt.Sprintf("%s: unknown command %q", command, name), hint)
	return exitUsage
}

// say tells what is wrong, and the next move if there is one.
func say(e env, text, hint string) {
	fmt.Fprintln(e.err, text)
	if hint != "" {
		fmt.Fprintln(e.err, diag.HintLine(hint))
	}
}

// fail says what failed and what to do next, and returns code.
func fail(e env, code int, err error, hint string) int {
	say(e, "agent: "+err.Error(), hint)
	return code
}

func runVersion(_ context.Context, e env, args []string) int {
	if code, ok := parse(e, flags(e, "version"), args); !ok {
		return code
	}
	if _, err := fmt.Fprintln(e.out, version); err != nil {
		return fail(e, exitFailure, err, "")
	}
	return exitOK
}
