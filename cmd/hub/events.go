package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fieldpost/internal/service"
)

func eventsCommand() command {
	return command{
		name:    "events",
		summary: "what devices have sent",
		help: `Prints a line for each event of the hub's log, all partitions, until it is
interrupted. Reading takes nothing away.

--from: latest (what comes from now on), start (all the log still holds),
15m (what came in the last 15 minutes), time:2026-01-31T12:00:00Z,
sequence:N or offset:TEXT (what stands behind it, in each partition).`,
		example: "hub events --hub hub.json --from start --device gateway-1 --json",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var t target
			var w watch
			t.define(flags)
			from := flags.String("from", "latest", "`PLACE` in the log to begin at")
			device := flags.String("device", "", "only events of the device with this `ID`")
			w.define(flags, "event")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				at, err := service.ParseFrom(*from, time.Now())
				if err != nil {
					return usagef("--from %w", err)
				}
				client, done, err := t.dial(ctx)
				if err != nil {
					return err
				}
				defer done()
				events, err := client.Events(ctx, at)
				if err != nil {
					return err
				}
				defer events.Close()
				return w.run(ctx, func(ctx context.Context) (int, error) {
					e, err := events.Next(ctx)
					if err != nil || *device != "" && e.DeviceID != *device {
						return 0, err
					}
					return 1, w.printEvent(std, e)
				})
			}
		},
	}
}

// event is an event as --json prints it. Body is JSON as it came when the
// content type says so, otherwise a string; bytes that are no text are in
// BodyBase64.
type event struct {
	Device         string            `json:"device"`
	Partition      string            `json:"partition"`
	SequenceNumber int64             `json:"sequence_number"`
	Offset         string            `json:"offset"`
	Enqueued       *time.Time        `json:"enqueued,omitempty"`
	Created        *time.Time        `json:"created,omitempty"`
	MessageID      string            `json:"message_id,omitempty"`
	CorrelationID  string            `json:"correlation_id,omitempty"`
	ContentType    string            `json:"content_type,omitempty"`
	Subject        string            `json:"subject,omitempty"`
	Properties     map[string]string `json:"properties"`
	Body           any               `json:"body,omitempty"`
	BodyBase64     []byte            `json:"body_base64,omitempty"`
}

func eventLine(e service.Event) event {
	line := event{
		Device: e.DeviceID, Partition: e.Partition, SequenceNumber: e.SequenceNumber, Offset: e.Offset,
		MessageID: e.MessageID, CorrelationID: e.CorrelationID, ContentType: e.ContentType,
		Subject: e.Subject, Properties: e.Properties,
	}
	if !e.Enqueued.IsZero() {
		line.Enqueued = &e.Enqueued
	}
	if !e.Created.IsZero() {
		line.Created = &e.Created
	}
	switch {
	case strings.HasPrefix(e.ContentType, "application/json") && json.Valid(e.Body):
		line.Body = json.RawMessage(e.Body)
	case utf8.Valid(e.Body):
		line.Body = string(e.Body)
	default:
		line.BodyBase64 = e.Body
	}
	return line
}

func (w *watch) printEvent(std streams, e service.Event) error {
	if w.json {
		return printJSON(std.out, eventLine(e))
	}
	at := e.Created
	if at.IsZero() {
		at = e.Enqueued
	}
	var props []string
	for k, v := range e.Properties {
		if k != "iothub-creation-time-utc" {
			props = append(props, printable(k)+"="+printable(v))
		}
	}
	slices.Sort(props)
	_, err := fmt.Fprintf(std.out, "%s  %s  %s/%d  %s  %s  %s\n", clockText(at), orDash(e.DeviceID),
		orDash(e.Partition), e.SequenceNumber, orDash(e.Subject), orDash(string(e.Body)), strings.Join(props, " "))
	return err
}
