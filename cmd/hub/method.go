package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"fieldpost/internal/service"
)

// calling are the flags of hub method.
type calling struct {
	restTarget
	name, payload     string
	connect, response time.Duration
	json              bool
}

func methodCommand() command {
	return command{
		name:    "method",
		summary: "call a direct method of a device",
		help: `Calls a direct method over HTTPS and prints what the device replied. The exit code
is 0 when the device replied with a status from 200 to 299, and 1 for any other
status, when the device is not connected and when it does not reply in time.`,
		example: `hub method --hub hub.json --device gateway-1 --name reboot --payload '{"delay":5}'`,
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var c calling
			c.define(flags)
			flags.StringVar(&c.name, "name", "", "`NAME` of the method; required")
			flags.StringVar(&c.payload, "payload", "null", "`JSON` for the device")
			flags.DurationVar(&c.connect, "connect-timeout", 0, "how long the hub waits for the device to connect, at most 5m")
			flags.DurationVar(&c.response, "response-timeout", 30*time.Second, "how long the hub waits for the reply, 5s to 5m")
			flags.BoolVar(&c.json, "json", false, "print one JSON object")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				if err := c.check(); err != nil {
					return err
				}
				return c.use(ctx, func(ctx context.Context, client *service.REST) error { return c.run(ctx, std, client) })
			}
		},
	}
}

func (c *calling) check() error {
	const most = 5 * time.Minute // what a hub allows
	switch {
	case c.name == "":
		return usagef("--name is missing")
	case !json.Valid([]byte(c.payload)):
		return usagef("--payload is not JSON: %s", c.payload)
	case c.connect < 0 || c.connect > most:
		return usagef("--connect-timeout %s is not between 0 and %s", c.connect, most)
	case c.response < 5*time.Second || c.response > most:
		return usagef("--response-timeout %s is not between 5s and %s", c.response, most)
	}
	return nil
}

func (c *calling) run(ctx context.Context, std streams, client *service.REST) error {
	result, err := client.InvokeMethod(ctx, c.device, service.Method{
		Name: c.name, Payload: json.RawMessage(c.payload), ConnectTimeout: c.connect, ResponseTimeout: c.response,
	})
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(std.out, map[string]any{"device": c.device, "method": c.name, "status": result.Status, "payload": result.Payload})
	} else {
		_, err = fmt.Fprintf(std.out, "%-10d %s\n", result.Status, oneLine(result.Payload))
	}
	if err == nil && result.Status/100 != 2 {
		return fmt.Errorf("device %s replied to %s with status %d", c.device, c.name, result.Status)
	}
	return err
}
