package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"fieldpost/internal/service"
)

// twinning are the flags of hub twin.
type twinning struct {
	restTarget
	watch
	desired, tags, match string
	replace              bool
	every                time.Duration
}

func twinCommand() command {
	return command{
		name:    "twin",
		args:    "get | set | watch",
		summary: "the twin of a device",
		help: `get prints a twin: tags, desired and reported properties. set merges --desired and
--tags into it, where a null takes a property away, and prints what has become of
it. watch prints the properties whenever their version has changed, until it is
interrupted; it asks the hub again and again, because a hub tells services of
changes only along routes. All of it goes over HTTPS.`,
		example: `hub twin set --hub hub.json --device gateway-1 --desired '{"interval":60}'`,
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var t twinning
			t.restTarget.define(flags)
			t.watch.define(flags, "change")
			flags.StringVar(&t.desired, "desired", "", "set: desired properties, a `JSON` object")
			flags.StringVar(&t.tags, "tags", "", "set: tags, a `JSON` object")
			flags.StringVar(&t.match, "if-match", "", "set: only if the twin still has this `ETAG`")
			flags.BoolVar(&t.replace, "replace", false, "set: replace all tags and desired properties instead of merging")
			flags.DurationVar(&t.every, "every", time.Second, "watch: how often to ask")
			return func(ctx context.Context, std streams, args []string) error {
				return t.do(ctx, std, flags, args)
			}
		},
	}
}

// do takes the verb before or behind the flags: both are typed.
func (t *twinning) do(ctx context.Context, std streams, flags *flag.FlagSet, args []string) error {
	if len(args) == 0 {
		return usagef("what to do? get, set or watch")
	}
	verb := args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return &usageError{err}
	}
	if err := noArguments(flags.Args()); err != nil {
		return err
	}
	var run func(context.Context, streams, *service.REST) error
	switch verb {
	case "get":
		run = t.get
	case "set":
		run = t.set
	case "watch":
		run = t.follow
	default:
		return usagef("%q is not get, set or watch", verb)
	}
	changes := t.desired != "" || t.tags != "" || t.replace
	switch {
	case verb == "set" && !changes:
		return usagef("what to set? give --desired or --tags")
	case verb != "set" && (changes || t.match != ""):
		return usagef("--desired, --tags, --replace and --if-match go with set")
	case t.every <= 0:
		return usagef("--every %s is not above 0", t.every)
	}
	for name, text := range map[string]string{"desired": t.desired, "tags": t.tags} {
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); text != "" && (err != nil || object == nil) {
			return usagef("--%s is not a JSON object: %s", name, text)
		}
	}
	return t.use(ctx, func(ctx context.Context, client *service.REST) error { return run(ctx, std, client) })
}

func (t *twinning) get(ctx context.Context, std streams, client *service.REST) error {
	twin, err := client.Twin(ctx, t.device)
	if err != nil {
		return err
	}
	return t.print(std.out, twin)
}

func (t *twinning) set(ctx context.Context, std streams, client *service.REST) error {
	update := service.TwinUpdate{Replace: t.replace, IfMatch: t.match}
	if t.desired != "" {
		update.Desired = json.RawMessage(t.desired)
	}
	if t.tags != "" {
		update.Tags = json.RawMessage(t.tags)
	}
	twin, err := client.UpdateTwin(ctx, t.device, update)
	if err != nil {
		return err
	}
	return t.print(std.out, twin)
}

func (t *twinning) print(w io.Writer, twin service.Twin) error {
	if t.json {
		return printJSON(w, twin)
	}
	desired, reported := readProperties(twin.Properties.Desired), readProperties(twin.Properties.Reported)
	var b bytes.Buffer
	fmt.Fprintf(&b, "device     %s, %s, %s\n", printable(twin.DeviceID), orDash(twin.Status), orDash(twin.ConnectionState))
	fmt.Fprintf(&b, "etag       %s\n", orDash(twin.ETag))
	fmt.Fprintf(&b, "tags       %s\n", oneLine(twin.Tags))
	fmt.Fprintf(&b, "desired    %s (version %s)\n", desired.text, desired.version)
	fmt.Fprintf(&b, "reported   %s (version %s)\n", reported.text, reported.version)
	_, err := w.Write(b.Bytes())
	return err
}

// follow prints the properties at first, and when their version has changed.
func (t *twinning) follow(ctx context.Context, std streams, client *service.REST) error {
	known := make(map[string]json.Number) // the version printed last
	first := true
	err := t.watch.run(ctx, func(ctx context.Context) (int, error) {
		if !first {
			select {
			case <-time.After(t.every):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		first = false
		twin, err := client.Twin(ctx, t.device)
		if err != nil {
			return 0, err
		}
		printed := 0
		for _, s := range []struct {
			name string
			text json.RawMessage
		}{{"desired", twin.Properties.Desired}, {"reported", twin.Properties.Reported}} {
			p := readProperties(s.text)
			if known[s.name] == p.version {
				continue
			}
			known[s.name] = p.version
			if err := t.printChange(std.out, s.name, p); err != nil {
				return printed, err
			}
			printed++
		}
		return printed, nil
	})
	return err
}

func (t *twinning) printChange(w io.Writer, name string, p properties) error {
	now := time.Now()
	if t.json {
		return printJSON(w, struct {
			At         time.Time       `json:"at"`
			Device     string          `json:"device"`
			Section    string          `json:"section"`
			Version    json.Number     `json:"version"`
			Properties json.RawMessage `json:"properties"`
		}{now.UTC(), t.device, name, p.version, json.RawMessage(p.text)})
	}
	_, err := fmt.Fprintf(w, "%s  %-10s %s (version %s)\n", clockText(now), name, p.text, p.version)
	return err
}
