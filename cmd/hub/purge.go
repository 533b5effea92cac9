package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"fieldpost/internal/service"
)

func purgeCommand() command {
	return command{
		name:    "purge",
		summary: "drop the commands that wait for a device",
		help: `Drops the cloud-to-device messages that wait for a device, over HTTPS, and prints
how many. One that the device has just received stays. Feedback, where it was
asked for, calls them purged.`,
		example: "hub purge --hub hub.json --device gateway-1",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var t restTarget
			t.define(flags)
			flags.Lookup("device").Usage = "`ID` of the device; required"
			asJSON := flags.Bool("json", false, "print one JSON object")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				if strings.Contains(t.device, "/") {
					return usagef("a module has no queue that could be purged: %s", t.device)
				}
				return t.use(ctx, func(ctx context.Context, client *service.REST) error {
					n, err := client.PurgeQueue(ctx, t.device)
					if err != nil {
						return err
					}
					if *asJSON {
						return printJSON(std.out, map[string]any{"device": t.device, "purged": n})
					}
					_, err = fmt.Fprintf(std.out, "purged     %d of %s\n", n, printable(t.device))
					return err
				})
			}
		},
	}
}
