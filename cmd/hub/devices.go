package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"fieldpost/hub"
)

// registering are the flags of hub devices.
type registering struct {
	socket             socketFlags
	module, regenerate string
	x509               list
	authority, json    bool
}

func devicesCommand() command {
	return command{
		name:    "devices",
		args:    "list | add ID | remove ID | disable ID | enable ID | keys ID",
		summary: "the registry of a local hub",
		help: `Asks the hub that serves --dir, or whose control socket is --control: what
changes holds at once, and a device that is removed or disabled loses its links.
When no hub serves --dir the command works on the files there. keys prints the
two keys of a device, and its connection string when the hub runs, because the
port is part of it.`,
		example: "hub devices --dir ~/hub add gateway-2",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var r registering
			r.socket.define(flags)
			flags.StringVar(&r.module, "module", "", "the module `ID` of the device, in place of the device: add, remove, keys")
			flags.Var(&r.x509, "x509", "add: by the certificate with this `CERT`, a thumbprint (SHA-1 or SHA-256) or a PEM file; a second one is the secondary")
			flags.BoolVar(&r.authority, "x509-ca", false, "add: by a certificate that the authorities of hub serve --device-ca vouch for")
			flags.StringVar(&r.regenerate, "regenerate", "", "keys: first make a new `KEY`: primary or secondary; or swap the two")
			flags.BoolVar(&r.json, "json", false, "print one JSON object a line")
			return func(ctx context.Context, std streams, args []string) error {
				return r.run(ctx, std, flags, args)
			}
		},
	}
}

func (r *registering) run(ctx context.Context, std streams, flags *flag.FlagSet, args []string) error {
	args, err := arguments(flags, args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usagef("what to do? list, add, remove, disable, enable or keys")
	}
	if err := r.socket.check(); err != nil {
		return err
	}
	verb, dir := args[0], r.socket.dir
	do, err := r.verb(ctx, std, verb, args[1:])
	if err != nil {
		return err
	}
	switch running := (controlClient{r.socket.path()}); {
	case dir == "" || running.listens():
		return do(running)
	case verb != "add":
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return configf("no hub keeps its files in %s", dir)
		}
	}
	unlock, err := lockDir(dir)
	var used *dirInUse
	if errors.As(err, &used) {
		return &hinted{err, "it does not answer at " + controlIn(dir) + ": name its socket with --control PATH, or end it first"}
	}
	if err != nil {
		return err
	}
	defer unlock()
	log := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := hub.New(hub.Options{Listen: "none", Dir: dir, Log: log})
	if err != nil {
		return err
	}
	return do(ownRegistry{hub: h})
}

// verb returns what the command line asks for.
func (r *registering) verb(ctx context.Context, std streams, verb string, args []string) (func(registry) error, error) {
	verbs := map[string]func(of registry, id string) error{
		"add":     func(of registry, id string) error { return r.add(ctx, of, id) },
		"remove":  func(of registry, id string) error { return of.remove(ctx, r.name(id)) },
		"disable": func(of registry, id string) error { return of.disable(ctx, id) },
		"enable":  func(of registry, id string) error { return of.enable(ctx, id) },
		"keys":    func(of registry, id string) error { return r.keys(ctx, std, of, id) },
	}
	do, known := verbs[verb]
	switch {
	case verb == "list":
		return func(of registry) error { return r.list(ctx, std, of) }, noArguments(args)
	case !known:
		return nil, usagef("%q is not list, add, remove, disable, enable or keys", verb)
	case len(args) != 1:
		return nil, usagef("%s takes one device id", verb)
	case r.module != "" && (verb == "disable" || verb == "enable"):
		return nil, usagef("a module has no status of its own: %s its device", verb)
	case (len(r.x509) > 0 || r.authority) && verb != "add":
		return nil, usagef("--x509 and --x509-ca are for add")
	case len(r.x509) > 0 && r.authority:
		return nil, usagef("--x509 and --x509-ca exclude each other")
	case r.regenerate != "" && verb != "keys":
		return nil, usagef("--regenerate is for keys")
	}
	return func(of registry) error { return do(of, args[0]) }, nil
}

// name is what the registry calls the device or module of the command line.
func (r *registering) name(id string) string { return hub.Device{ID: id, ModuleID: r.module}.Name() }

func (r *registering) add(ctx context.Context, of registry, id string) error {
	g := hub.Registration{DeviceID: id, ModuleID: r.module}
	var err error
	switch {
	case r.authority:
		g.Auth = hub.AuthAuthority
	case len(r.x509) > 0:
		g, err = withX509(g, r.x509)
	}
	if err != nil {
		return err
	}
	return of.add(ctx, g)
}

func (r *registering) keys(ctx context.Context, std streams, of registry, id string) error {
	var pair keyPair
	var err error
	if r.regenerate == "" {
		pair, err = of.keys(ctx, r.name(id))
	} else {
		pair, err = of.changeKeys(ctx, r.name(id), hub.KeyChange(r.regenerate))
	}
	if err != nil {
		return err
	}
	if r.json {
		return printJSON(std.out, pair)
	}
	text := fmt.Sprintf("primary    %s\nsecondary  %s\n", printable(pair.Primary), printable(pair.Secondary))
	if pair.ConnectionString != "" {
		text += fmt.Sprintf("connect    %s\n", printable(pair.ConnectionString))
	}
	_, err = io.WriteString(std.out, text)
	return err
}

func (r *registering) list(ctx context.Context, std streams, of registry) error {
	all, err := of.list(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if r.json {
			err = printJSON(std.out, i)
		} else {
			_, err = io.WriteString(std.out, i.line())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// line is an identity for a person.
func (i identity) line() string {
	state := "enabled"
	if i.Disabled {
		state = "disabled"
	}
	line := fmt.Sprintf("%-24s %-9s %s", printable(i.name()), state, printable(string(i.Auth)))
	if i.Connected {
		line += "  connected"
	}
	if i.Queued > 0 {
		line += fmt.Sprintf("  %d queued", i.Queued)
	}
	return line + "\n"
}
