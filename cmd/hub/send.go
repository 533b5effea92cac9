package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"fieldpost/internal/service"
)

// sending are the flags of hub send.
type sending struct {
	target
	device, command, args, body string
	id, ack                     string
	properties                  list
	ttl, timeout                time.Duration
	wait, json                  bool
}

func sendCommand() command {
	return command{
		name:    "send",
		summary: "a command to a device, with its feedback",
		help: `Queues one cloud-to-device message. It is queued when the hub has said so: that
is exit code 0, unless --wait is given. With --wait the command ends with the
device's answer: 0 when it completed the message, 1 for anything else. The hub's
feedback never says why; the reason is in the result that the agent sends, which
hub events shows under the same correlation id.

--command makes what the agent understands: application property "command" and a
JSON object of arguments. --body sends any text as it is.`,
		example: `hub send --hub hub.json --device gateway-1 --command output.set --args '{"output":"fan","on":true}' --wait`,
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var s sending
			s.target.define(flags)
			flags.StringVar(&s.device, "device", "", "`ID` of the device; required")
			flags.StringVar(&s.command, "command", "", "`NAME` of the action")
			flags.StringVar(&s.args, "args", "{}", "arguments of the action, a `JSON` object")
			flags.StringVar(&s.body, "body", "", "`TEXT` to send as it is, instead of --command; - reads standard input")
			flags.StringVar(&s.id, "message-id", "", "`ID` that feedback and result name; default a random one")
			flags.StringVar(&s.ack, "ack", "", "which feedback the hub makes, a `WORD`: none, positive, negative, full; default none, with --wait full")
			flags.Var(&s.properties, "property", "application property `NAME=VALUE`; may be repeated")
			flags.DurationVar(&s.ttl, "ttl", 0, "how long the hub keeps the message; default the hub's own")
			flags.BoolVar(&s.wait, "wait", false, "wait for the feedback")
			flags.DurationVar(&s.timeout, "timeout", 2*time.Minute, "longest time to wait with --wait")
			flags.BoolVar(&s.json, "json", false, "print one JSON object a line")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				given := make(map[string]bool)
				flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
				m, err := s.message(std.in, given)
				if err != nil {
					return err
				}
				return s.run(ctx, std, m)
			}
		},
	}
}

// message makes the message that the flags describe.
func (s *sending) message(in io.Reader, given map[string]bool) (service.C2D, error) {
	m := service.C2D{DeviceID: s.device, MessageID: s.id, Ack: s.ack, Properties: make(map[string]string)}
	switch {
	case s.device == "":
		return m, usagef("--device is missing")
	case given["command"] == given["body"]:
		return m, usagef("give either --command or --body")
	case given["command"] && s.command == "":
		return m, usagef("--command is empty")
	case given["args"] && !given["command"]:
		return m, usagef("--args goes with --command")
	case s.wait && s.ack != "" && s.ack != service.AckFull:
		return m, usagef("--wait has to hear every outcome: it goes with --ack full only")
	}
	switch s.ack {
	case "", service.AckNone, service.AckPositive, service.AckNegative, service.AckFull:
	default:
		return m, usagef("--ack %s is not none, positive, negative or full", s.ack)
	}
	if s.wait {
		m.Ack = service.AckFull
	}
	if m.MessageID == "" {
		m.MessageID = "cmd-" + strings.ToLower(rand.Text()[:16])
	}
	if s.ttl > 0 {
		m.Expiry = time.Now().Add(s.ttl)
	}
	for _, p := range s.properties {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return m, usagef("--property %q is not NAME=VALUE", p)
		}
		m.Properties[name] = value
	}
	if given["body"] {
		return m, s.raw(in, &m)
	}
	var arguments map[string]any
	if err := json.Unmarshal([]byte(s.args), &arguments); err != nil || arguments == nil {
		return m, usagef("--args is not a JSON object: %s", s.args)
	}
	m.Properties["command"] = s.command
	m.ContentType = "application/json"
	m.Body = []byte(s.args)
	return m, nil
}

func (s *sending) raw(in io.Reader, m *service.C2D) error {
	m.Body = []byte(s.body)
	if s.body != "-" {
		return nil
	}
	const most = 64 << 10 // the most a hub takes
	body, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return fmt.Errorf("read the body from standard input: %w", err)
	}
	if len(body) > most {
		return usagef("the body is larger than 64 KB, the most a hub takes to a device")
	}
	m.Body = body
	return nil
}

func (s *sending) run(ctx context.Context, std streams, m service.C2D) error {
	client, done, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer done()
	var feedback *service.FeedbackReceiver
	if s.wait {
		// Attached before the message goes out: a feedback queue has many
		// readers, and one that comes late finds its record taken.
		if feedback, err = client.Feedback(ctx); err != nil {
			return err
		}
		defer feedback.Close()
	}
	sent := time.Now()
	if err := client.Send(ctx, m); err != nil {
		return err
	}
	if err := s.printQueued(std.out, m); err != nil || !s.wait {
		return err
	}
	record, err := s.await(ctx, std, feedback, m.MessageID)
	if err != nil {
		return err
	}
	if err := s.printOutcome(std.out, record, time.Since(sent)); err != nil {
		return err
	}
	if record.Status == service.StatusSuccess {
		return nil
	}
	err = fmt.Errorf("device %s did not complete message %s: %s", record.DeviceID, record.MessageID, record.Status)
	if record.Status == service.StatusRejected {
		return &hinted{err, "why is in the result of the device, which has this correlation id: hub events --json --from 15m --device " + record.DeviceID}
	}
	return err
}

// await returns the record about one message; those about others are noted.
func (s *sending) await(ctx context.Context, std streams, feedback *service.FeedbackReceiver, id string) (service.FeedbackRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		records, err := feedback.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return service.FeedbackRecord{}, &hinted{
				fmt.Errorf("no feedback about message %s within %s", id, s.timeout),
				"the message is queued: it waits for the device, or another reader of the feedback queue took the record",
			}
		}
		if errors.Is(err, service.ErrBadFeedback) {
			fmt.Fprintln(std.err, "note:", printable(err.Error()))
			continue
		}
		if err != nil {
			return service.FeedbackRecord{}, err
		}
		found := -1
		for i, r := range records {
			if r.MessageID == id {
				found = i
				continue
			}
			fmt.Fprintf(std.err, "note: took feedback about another message: %s %s %s\n",
				printable(r.MessageID), printable(r.DeviceID), printable(r.Status))
		}
		if found >= 0 {
			return records[found], nil
		}
	}
}

func (s *sending) printQueued(w io.Writer, m service.C2D) error {
	if s.json {
		return printJSON(w, map[string]string{"step": "queued", "message_id": m.MessageID, "device": m.DeviceID})
	}
	_, err := fmt.Fprintf(w, "queued     %s for %s\n", printable(m.MessageID), printable(m.DeviceID))
	return err
}

func (s *sending) printOutcome(w io.Writer, r service.FeedbackRecord, after time.Duration) error {
	if s.json {
		return printJSON(w, feedbackLine(r))
	}
	_, err := fmt.Fprintf(w, "%-10s %s by %s, known after %s\n",
		outcomeWord(r.Status), printable(r.MessageID), printable(r.DeviceID), after.Round(10*time.Millisecond))
	return err
}
