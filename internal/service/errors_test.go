package service

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/go-amqp"
)

func TestHubError(t *testing.T) {
	const full = `{"errorCode":403004,"trackingId":"T1","message":"the queue limit of 50 is reached","timestampUtc":"2026-01-01T00:00:00Z"}`
	cases := []struct {
		name string
		err  *amqp.Error
		want HubError
		hint string
	}{
		{"queue full, as JSON", &amqp.Error{Condition: amqp.ErrCondResourceLimitExceeded, Description: full},
			HubError{"op", "amqp:resource-limit-exceeded", 403004, "the queue limit of 50 is reached", "T1"}, "queue is full"},
		{"number as text", &amqp.Error{Condition: amqp.ErrCondResourceLimitExceeded, Description: `{"errorCode":"403002"}`},
			HubError{"op", "amqp:resource-limit-exceeded", 403002, `{"errorCode":"403002"}`, ""}, "quota"},
		{"plain text", &amqp.Error{Condition: amqp.ErrCondNotFound, Description: "no such device", Info: map[string]any{"com.microsoft:tracking-id": "T2"}},
			HubError{"op", "amqp:not-found", 0, "no such device", "T2"}, "no such device"},
		{"JSON that is no object", &amqp.Error{Condition: "amqp:internal-error", Description: `[1]`},
			HubError{"op", "amqp:internal-error", 0, "[1]", ""}, ""},
		{"no reason", nil, HubError{"op", "rejected", 0, "without a reason", ""}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := hubError("op", c.err)
			if *got != c.want {
				t.Errorf("got %+v\nwant %+v", *got, c.want)
			}
			if hint := got.Hint(); !strings.Contains(hint, c.hint) || c.hint == "" && hint != "" {
				t.Errorf("hint %q, want one with %q", hint, c.hint)
			}
		})
	}
	if got := hubError("send to device d", &amqp.Error{Condition: amqp.ErrCondResourceLimitExceeded, Description: full}).Error(); got !=
		"send to device d: refused by the hub: amqp:resource-limit-exceeded 403004: the queue limit of 50 is reached" {
		t.Error(got)
	}
}

func TestOpError(t *testing.T) {
	var said *HubError
	if err := opError("attach", fmt.Errorf("wrapped: %w", &amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondStolen}})); !errors.As(err, &said) ||
		said.Condition != "amqp:link:stolen" {
		t.Errorf("what the peer said is lost: %v", err)
	}
	cause := errors.New("no route")
	if err := opError("attach", cause); !errors.Is(err, cause) || err.Error() != "attach: no route" {
		t.Errorf("got %v", err)
	}
}
