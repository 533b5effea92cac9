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

// registering are the flags of hub devices.
type registering struct {
	dir, module, regenerate string
	x509                    list
	authority, json         bool
}

func devicesCommand() command {
	return command{
		name:    "devices",
		args:    "list | add ID | remove ID | disable ID | enable ID | keys ID",
		summary: "the registry of a local hub that is not running",
		help: `Works on the files of a hub that hub serve --dir keeps. While a hub serves them
the command refuses: end it first. A device's connection string is printed by
hub serve, because the port is part of it; keys prints its two keys.`,
		example: "hub devices --dir ./hub add gateway-2",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var r registering
			flags.StringVar(&r.dir, "dir", "", "`DIR` that hub serve keeps; required")
			flags.StringVar(&r.module, "module", "", "the module `ID` of the device, in place of the device: add, remove, keys")
			flags.Var(&r.x509, "x509", "add: by the certificate with this `CERT`, a thumbprint (SHA-1 or SHA-256) or a PEM file; a second one is the secondary")
			flags.BoolVar(&r.authority, "x509-ca", false, "add: by a certificate that the authorities of hub serve --device-ca vouch for")
			flags.StringVar(&r.regenerate, "regenerate", "", "keys: first make a new `KEY`: primary or secondary; or swap the two")
			flags.BoolVar(&r.json, "json", false, "print one JSON object a line")
			return func(_ context.Context, std streams, args []string) error {
				return r.run(std, flags, args)
			}
		},
	}
}

// run takes the verb before or after the flags: both are typed.
func (r *registering) run(std streams, flags *flag.FlagSet, args []string) error {
	if len(args) == 0 {
		return usagef("what to do? list, add, remove, disable, enable or keys")
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
	if r.dir == "" {
		return usagef("--dir is missing")
	}
	do, err := r.verb(std, verb, args)
	if err != nil {
		return err
	}
	if verb != "add" {
		if _, err := os.Stat(r.dir); errors.Is(err, fs.ErrNotExist) {
			return configf("no hub keeps its files in %s", r.dir)
		}
	}
	unlock, err := lockDir(r.dir)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := hub.New(hub.Options{Listen: "none", Dir: r.dir})
	if err != nil {
		return err
	}
	return do(h)
}

// verb returns what the command line asks for.
func (r *registering) verb(std streams, verb string, args []string) (func(*hub.Hub) error, error) {
	verbs := map[string]func(*hub.Hub, string) error{
		"add":     r.add,
		"remove":  func(h *hub.Hub, id string) error { return h.RemoveDevice(r.name(id)) },
		"disable": (*hub.Hub).DisableDevice,
		"enable":  (*hub.Hub).EnableDevice,
		"keys":    func(h *hub.Hub, id string) error { return r.keys(std, h, id) },
	}
	do, known := verbs[verb]
	switch {
	case verb == "list":
		return func(h *hub.Hub) error { return r.list(std, h) }, noArguments(args)
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
	return func(h *hub.Hub) error { return do(h, args[0]) }, nil
}

// name is what the registry calls the device or module of the command line.
func (r *registering) name(id string) string { return hub.Device{ID: id, ModuleID: r.module}.Name() }

func (r *registering) add(h *hub.Hub, id string) error {
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
	_, err = h.Register(g)
	return err
}

func (r *registering) keys(std streams, h *hub.Hub, id string) error {
	d, err := h.Device(r.name(id))
	if err == nil && r.regenerate != "" {
		d, err = h.RegenerateKeys(d.Name(), hub.KeyChange(r.regenerate))
	}
	if err != nil {
		return err
	}
	if d.Auth != hub.AuthSAS {
		return fmt.Errorf("device %s has no keys: its authentication is %s", d.Name(), d.Auth)
	}
	if r.json {
		return printJSON(std.out, struct {
			ID        string `json:"id"`
			Module    string `json:"module,omitempty"`
			Primary   string `json:"primary_key"`
			Secondary string `json:"secondary_key"`
		}{d.ID, d.ModuleID, d.PrimaryKey.Base64(), d.SecondaryKey.Base64()})
	}
	_, err = fmt.Fprintf(std.out, "primary    %s\nsecondary  %s\n", d.PrimaryKey.Base64(), d.SecondaryKey.Base64())
	return err
}

// identities returns every device, each followed by its modules.
func identities(h *hub.Hub) []hub.Device {
	var all []hub.Device
	for _, d := range h.Devices() {
		all = append(append(all, d), h.Modules(d.ID)...)
	}
	return all
}

func (r *registering) list(std streams, h *hub.Hub) error {
	for _, d := range identities(h) {
		if r.json {
			line := struct {
				ID         string       `json:"id"`
				Disabled   bool         `json:"disabled"`
				Generation string       `json:"device_generation"`
				Module     string       `json:"module,omitempty"`
				Auth       hub.AuthType `json:"auth"`
				Primary    string       `json:"primary_thumbprint,omitempty"`
				Secondary  string       `json:"secondary_thumbprint,omitempty"`
			}{d.ID, d.Disabled, d.GenerationID, d.ModuleID, d.Auth, d.PrimaryThumbprint, d.SecondaryThumbprint}
			if err := printJSON(std.out, line); err != nil {
				return err
			}
			continue
		}
		state := "enabled"
		if d.Disabled {
			state = "disabled"
		}
		if _, err := fmt.Fprintf(std.out, "%-24s %-9s %s\n", d.Name(), state, d.Auth); err != nil {
			return err
		}
	}
	return nil
}
