package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"fieldpost/hub"
	"fieldpost/internal/service"
)

// version is set by the linker: -X main.version=TEXT.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
	exitConfig
)

// streams are the standard streams of one run.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one sub-command. define registers the flags and returns what runs
// after they are parsed.
type command struct {
	name    string
	args    string // what may follow the flags
	summary string
	help    string // text between the usage line and the flags
	example string
	define  func(*flag.FlagSet) func(context.Context, streams, []string) error
}

func commands() []command {
	return []command{serveCommand(), devicesCommand(), faultCommand(), sendCommand(), feedbackCommand(), eventsCommand(),
		methodCommand(), twinCommand(), purgeCommand(), versionCommand()}
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "which build this is",
		help:    "Prints the version that the build was given.",
		example: "hub version",
		define: func(*flag.FlagSet) func(context.Context, streams, []string) error {
			return func(_ context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				_, err := fmt.Fprintln(std.out, version)
				return err
			}
		},
	}
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	std := streams{in, out, errs}
	if len(args) == 0 {
		printUsage(errs)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		printUsage(out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return report(errs, c.name, c.run(ctx, std, args[1:]))
		}
	}
	return report(errs, "", usagef("no command %q: hub --help lists them", args[0]))
}

// run parses args and runs the command.
func (c command) run(ctx context.Context, std streams, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	do := c.define(flags)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		c.printHelp(std.out, flags)
		return nil
	} else if err != nil {
		return &usageError{err}
	}
	err := do(ctx, std, flags.Args())
	if errors.Is(err, flag.ErrHelp) { // asked for behind a verb
		c.printHelp(std.out, flags)
		return nil
	}
	return err
}

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func (e *usageError) Unwrap() error { return e.error }

func noArguments(args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

// configError is a file that a flag names and that cannot be used.
type configError struct{ error }

func configf(format string, args ...any) error { return &configError{fmt.Errorf(format, args...)} }

func (e *configError) Unwrap() error { return e.error }

// hinted is an error with the next move.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }

// hintOf returns the hint of the first error in err's chain that has one.
func hintOf(err error) string {
	var helper interface{ Hint() string }
	if errors.As(err, &helper) {
		return helper.Hint()
	}
	return ""
}

// dirHint is the next move of an operator with such a folder.
func dirHint(e *hub.DirError) string {
	var system *fs.PathError
	if errors.As(e.Err, &system) {
		return "--dir must be a folder that this user may write to, on a disk with room"
	}
	return "mend the file, or move it out of the folder: hub serve then makes a new one, with new keys; nothing was written over it"
}

// report prints err, and a hint where there is one, and returns its exit code.
func report(w io.Writer, name string, err error) int {
	if err == nil {
		return exitOK
	}
	prefix := "hub: "
	if name != "" {
		prefix = "hub " + name + ": "
	}
	fmt.Fprintln(w, prefix+printable(err.Error()))
	var usage *usageError
	var config *configError
	var dir *hub.DirError
	hint := hintOf(err)
	if errors.As(err, &dir) && hint == "" {
		hint = dirHint(dir)
	}
	switch {
	case errors.As(err, &usage):
		if name != "" {
			fmt.Fprintln(w, "hint: hub "+name+" --help shows how")
		}
		return exitUsage
	case hint != "":
		fmt.Fprintln(w, "hint: "+printable(hint))
	}
	if errors.As(err, &config) || dir != nil || errors.Is(err, service.ErrConfig) {
		return exitConfig
	}
	return exitFailure
}
