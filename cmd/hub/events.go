package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fieldpost/internal/service"
)

func eventsCommand() command {
	return command{
		name:    "events",
		summary: "what devices have sent",
		help: `Prints a line for each event of the hub's log until it is interrupted: a table,
or JSON. Reading takes nothing away.

--from: latest (what comes from now on), start (all the log still holds),
15m (what came in the last 15 minutes), time:2026-01-31T12:00:00Z,
sequence:N or offset:TEXT (what stands behind it, in each partition; a hub
refuses what lies behind the end of one: name the --partition).

Up to five readers share a partition of a consumer group. --epoch 0 or above
takes it for oneself: it drives out readers with no epoch or none above this one.`,
		example: "hub events --hub hub.json --from start --device gateway-1 --json",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var t target
			var w watch
			t.define(flags)
			from := flags.String("from", "latest", "`PLACE` in the log to begin at")
			var opts service.EventOptions
			flags.StringVar(&opts.ConsumerGroup, "consumer-group", "$Default", "`NAME` under which to read")
			flags.StringVar(&opts.Partition, "partition", "", "read this `ID` alone; default all")
			flags.Func("epoch", "own the partitions, with this `NUMBER`; default share them", func(text string) error {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil || n < 0 {
					return errors.New("must be a number of 0 or above")
				}
				opts.Epoch = &n
				return nil
			})
			device := flags.String("device", "", "only events of the device with this `ID`")
			w.define(flags, "event")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				var err error
				if opts.From, err = service.ParseFrom(*from, time.Now()); err != nil {
					return usagef("--from %w", err)
				}
				client, done, err := t.dial(ctx)
				if err != nil {
					return err
				}
				defer done()
				events, err := client.Events(ctx, opts)
				if err != nil {
					return err
				}
				defer events.Close()
				if !w.json {
					if _, err := fmt.Fprintf(std.out, eventRow, "TIME", "DEVICE", "PLACE", "SUBJECT", "BODY", "PROPERTIES"); err != nil {
						return err
					}
				}
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
	Encoding       string            `json:"content_encoding,omitempty"`
	Subject        string            `json:"subject,omitempty"`
	Properties     map[string]string `json:"properties"`
	Body           any               `json:"body,omitempty"`
	BodyBase64     []byte            `json:"body_base64,omitempty"`
}

func eventLine(e service.Event) event {
	line := event{
		Device: e.DeviceID, Partition: e.Partition, SequenceNumber: e.SequenceNumber, Offset: e.Offset,
		MessageID: e.MessageID, CorrelationID: e.CorrelationID, ContentType: e.ContentType, Encoding: e.Encoding,
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

// eventRow is a line of the table: time, device, partition and sequence number,
// subject, body, properties.
const eventRow = "%-24s  %-16s  %-10s  %-12s  %s  %s\n"

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
	place := fmt.Sprintf("%s/%d", orDash(e.Partition), e.SequenceNumber)
	_, err := fmt.Fprintf(std.out, eventRow, clockText(at), orDash(e.DeviceID), place,
		orDash(e.Subject), orDash(string(e.Body)), strings.Join(props, " "))
	return err
}
