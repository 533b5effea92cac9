package diag

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestCommandsText(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	half, most := 0.5, 30.0
	c := Commands{
		Actions: []Action{
			{Name: "ping", Help: "answers", Allowed: true, Doors: []string{"devicebound", "local"}, Repeat: "repeatable"},
			{Name: "output.pulse", Help: "pulses an output", Repeat: "once", DryRun: true, Args: []Argument{
				{Name: "output", Type: "string", Required: true, OneOf: []string{"fan", "pump"}, Help: "name of the output"},
				{Name: "for", Type: "duration", Required: true, Min: &half, Max: &most, Help: "how long"},
				{Name: "level", Type: "number", Max: &most},
				{Name: "count", Type: "integer", Min: &half},
				{Name: "on", Type: "boolean"},
			}},
		},
		Journal: []Command{
			{MessageID: "b", Name: "output.set", Door: "methods", Verdict: "rejected", Condition: "amqp:not-allowed", Reason: "not in commands.allow", Begun: at.Add(time.Minute), Finished: at.Add(62 * time.Second)},
			{MessageID: "c", Name: "board.reboot", Door: "devicebound", State: "due", Verdict: "completed", Begun: at, Finished: at},
			{MessageID: "a", Name: "ping", Door: "devicebound", State: "done", Verdict: "completed", Begun: at, Finished: at.Add(30 * time.Millisecond)},
			{Verdict: "pending"},
		},
	}
	golden(t, "commands", func(w io.Writer) error { return WriteCommands(w, c) })
	golden(t, "commands-opening", func(w io.Writer) error { return WriteCommands(w, Commands{Opening: "checking\x1b queue.db"}) })
	golden(t, "commands-none", func(w io.Writer) error { return WriteCommands(w, Commands{Actions: c.Actions}) })
	golden(t, "commands-list", func(w io.Writer) error { return WriteCommandList(w, c) })
	golden(t, "commands-help", func(w io.Writer) error { return WriteCommandHelp(w, c, "output.pulse") })
	golden(t, "commands-help-plain", func(w io.Writer) error { return WriteCommandHelp(w, c, "ping") })
	if err := WriteCommandHelp(io.Discard, c, "pong"); err == nil || Hint(err) == "" {
		t.Errorf("help on what is not there: %v", err)
	}
	golden(t, "commands-answer", func(w io.Writer) error {
		return WriteCommandAnswer(w, CommandAnswer{Outcome: "completed", Again: true, Result: json.RawMessage(`{"on":true,"text":"a\u001bb"}`)})
	})
	golden(t, "commands-refused", func(w io.Writer) error {
		return WriteCommandAnswer(w, CommandAnswer{Outcome: "rejected", Condition: "amqp:not-found", Error: "unknown command"})
	})
}

func TestCommandRoute(t *testing.T) {
	var got CommandRequest
	c := NewClient(serve(t, ServerOptions{Provider: Provider{
		Command: func(ctx context.Context, r CommandRequest) (CommandAnswer, error) {
			got = r
			deadline, _ := ctx.Deadline()
			if left := time.Until(deadline); left < maxCommand {
				t.Errorf("only %v for a command", left)
			}
			if p, ok := PeerFrom(ctx); !ok || p.PID == 0 {
				t.Error("nobody asked")
			}
			return CommandAnswer{Status: 200, Outcome: "completed", MessageID: r.ID, Result: r.Args}, nil
		},
	}}))
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	want := CommandAnswer{Status: 200, Outcome: "completed", MessageID: "i", Result: json.RawMessage(`{"a":1}`)}
	same(t, want)(c.Command(ctx, CommandRequest{ID: "i", Name: "x", Args: want.Result, WithinS: 2}))
	if got.WithinS != 2 || got.Name != "x" {
		t.Errorf("asked for %+v", got)
	}
	same(t, CommandAnswer{Status: 200, Outcome: "completed"})(c.Command(ctx, CommandRequest{Name: "x"}))
	if got.WithinS != defaultCommand.Seconds() {
		t.Errorf("waits %v s by default", got.WithinS)
	}
	for body, what := range map[string]any{
		"no name":     CommandRequest{},
		"too long":    CommandRequest{Name: "x", WithinS: 301},
		"too short":   CommandRequest{Name: "x", WithinS: 0.5},
		"unknown key": map[string]any{"name": "x", "arguments": map[string]any{}},
		"a list":      []string{"x"},
	} {
		var answer *AnswerError
		if err := c.call(ctx, http.MethodPost, "/v1/commands", what, new(CommandAnswer)); !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %v", body, err)
		}
	}
}
