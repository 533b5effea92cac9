package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"fieldpost/internal/service"
)

func feedbackCommand() command {
	return command{
		name:    "feedback",
		summary: "what became of commands",
		help: `Prints a line for each message that ended at its device, as the hub reports it,
until it is interrupted. Only messages sent with --ack are reported. A hub has
one feedback queue: what is printed here is taken from it, and a hub send --wait
elsewhere will not see it.`,
		example: "hub feedback --hub hub.json --json --count 1 --timeout 30s",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var t target
			var w watch
			t.define(flags)
			w.define(flags, "record")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				client, done, err := t.dial(ctx)
				if err != nil {
					return err
				}
				defer done()
				feedback, err := client.Feedback(ctx)
				if err != nil {
					return err
				}
				defer feedback.Close()
				return w.run(ctx, func(ctx context.Context) (int, error) {
					records, err := feedback.Next(ctx)
					if errors.Is(err, service.ErrBadFeedback) {
						fmt.Fprintln(std.err, "note:", printable(err.Error()))
						return 0, nil
					}
					for _, r := range records {
						if err := w.printRecord(std, r); err != nil {
							return 0, err
						}
					}
					return len(records), err
				})
			}
		},
	}
}

func (w *watch) printRecord(std streams, r service.FeedbackRecord) error {
	if w.json {
		return printJSON(std.out, feedbackLine(r))
	}
	_, err := fmt.Fprintf(std.out, "%s  %-10s %s by %s: %s\n",
		clockText(r.At), outcomeWord(r.Status), orDash(r.MessageID), orDash(r.DeviceID), orDash(r.Description))
	return err
}

// record is a feedback record as --json prints it.
type record struct {
	Step        string     `json:"step"`
	MessageID   string     `json:"message_id"`
	Device      string     `json:"device"`
	Status      string     `json:"status"`
	Outcome     string     `json:"outcome"`
	Description string     `json:"description"`
	Generation  string     `json:"device_generation,omitempty"`
	At          *time.Time `json:"at,omitempty"`
}

func feedbackLine(r service.FeedbackRecord) record {
	line := record{
		Step: "feedback", MessageID: r.MessageID, Device: r.DeviceID, Status: r.Status,
		Outcome: outcomeWord(r.Status), Description: r.Description, Generation: r.DeviceGeneration,
	}
	if !r.At.IsZero() {
		line.At = &r.At
	}
	return line
}

// outcomeWord is a status in the words of the agent and of this tool.
func outcomeWord(status string) string {
	switch status {
	case service.StatusSuccess:
		return "completed"
	case service.StatusRejected:
		return "rejected"
	case service.StatusDeliveryCountExceeded:
		return "abandoned"
	case service.StatusExpired:
		return "expired"
	case service.StatusPurged:
		return "purged"
	default:
		return "unknown"
	}
}
