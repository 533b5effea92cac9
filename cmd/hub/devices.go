package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"fieldpost/hub"
)

func devicesCommand() command {
	return command{
		name:    "devices",
		args:    "list | add ID | remove ID | disable ID | enable ID",
		summary: "the registry of a local hub that is not running",
		help: `Works on the files of a hub that hub serve --dir keeps. While a hub serves them
the command refuses: end it first. A device's connection string is printed by
hub serve, because the port is part of it.`,
		example: "hub devices --dir ./hub add gateway-2",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			dir := flags.String("dir", "", "`DIR` that hub serve keeps; required")
			asJSON := flags.Bool("json", false, "print one JSON object a line")
			return func(_ context.Context, std streams, args []string) error {
				return runDevices(std, flags, dir, asJSON, args)
			}
		},
	}
}

// runDevices takes the verb before or after the flags: both are typed.
func runDevices(std streams, flags *flag.FlagSet, dir *string, asJSON *bool, args []string) error {
	if len(args) == 0 {
		return usagef("what to do? list, add, remove, disable or enable")
	}
	verb := args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return &usageError{err}
	}
	args = flags.Args()
	if len(args) > 0 {
		id := args[0]
		if err := flags.Parse(args[1:]); err != nil {
			return &usageError{err}
		}
		args = append([]string{id}, flags.Args()...)
	}
	if *dir == "" {
		return usagef("--dir is missing")
	}
	change, err := deviceVerb(verb, args)
	if err != nil {
		return err
	}
	if verb != "add" {
		if _, err := os.Stat(*dir); errors.Is(err, fs.ErrNotExist) {
			return configf("no hub keeps its files in %s", *dir)
		}
	}
	unlock, err := lockDir(*dir)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := hub.New(hub.Options{Listen: "none", Dir: *dir})
	if err != nil {
		return err
	}
	if change != nil {
		return change(h)
	}
	return listDevices(std, h, *asJSON)
}

// deviceVerb returns what a verb does to the registry; nil for list.
func deviceVerb(verb string, args []string) (func(*hub.Hub) error, error) {
	verbs := map[string]func(*hub.Hub, string) error{
		"add":     func(h *hub.Hub, id string) error { _, err := h.AddDevice(id); return err },
		"remove":  (*hub.Hub).RemoveDevice,
		"disable": (*hub.Hub).DisableDevice,
		"enable":  (*hub.Hub).EnableDevice,
	}
	do, known := verbs[verb]
	switch {
	case verb == "list":
		return nil, noArguments(args)
	case !known:
		return nil, usagef("%q is not list, add, remove, disable or enable", verb)
	case len(args) != 1:
		return nil, usagef("%s takes one device id", verb)
	}
	return func(h *hub.Hub) error { return do(h, args[0]) }, nil
}

func listDevices(std streams, h *hub.Hub, asJSON bool) error {
	for _, d := range h.Devices() {
		if asJSON {
			line := struct {
				ID         string `json:"id"`
				Disabled   bool   `json:"disabled"`
				Generation string `json:"device_generation"`
			}{d.ID, d.Disabled, d.GenerationID}
			if err := printJSON(std.out, line); err != nil {
				return err
			}
			continue
		}
		state := "enabled"
		if d.Disabled {
			state = "disabled"
		}
		if _, err := fmt.Fprintf(std.out, "%-24s %s\n", d.ID, state); err != nil {
			return err
		}
	}
	return nil
}
