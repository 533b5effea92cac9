package c2d_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
)

// invoke calls a method until the device listens for methods, and again when its
// link went away meanwhile.
func (p *post) invoke(m hub.Method) (hub.MethodResult, map[string]any) {
	p.Helper()
	m.ConnectTimeout = time.Minute
	r, err := p.hub.InvokeMethod(p.ctx, deviceID, m)
	for closed := new(hub.Error); errors.As(err, &closed) && closed.Code == 404104; {
		r, err = p.hub.InvokeMethod(p.ctx, deviceID, m)
	}
	p.must(err)
	var answer map[string]any
	p.must(json.Unmarshal(r.Payload, &answer))
	return r, answer
}

func TestMethods(t *testing.T) {
	p := newPost(t, hub.Options{})
	boom := c2d.Action{Name: "boom", Run: func(context.Context, c2d.Args) (any, error) { return nil, errors.New("broken") }}
	big := c2d.Action{Name: "big", Run: func(context.Context, c2d.Args) (any, error) { return strings.Repeat("\x01", 21840), nil }}
	a := p.agent(c2d.Options{AllowMethods: []string{"echo", "boom", "big"}}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo}, boom, big, c2d.Action{Name: "shut", Run: echo})
	for _, tt := range []struct {
		name, payload string
		status        int
		outcome, text string
	}{
		{"echo", `{"text":"hello"}`, 200, "completed", "hello"},
		{"echo", ``, 200, "completed", ""},
		{"echo", `{"txt":"hello"}`, 400, "rejected", "did you mean"},
		{"echo", `"hello"`, 400, "rejected", "want a JSON object"},
		{"shut", ``, 403, "rejected", "would name it in commands.allow_methods"},
		{"ecko", ``, 404, "rejected", "unknown command"},
		{"boom", ``, 500, "rejected", "broken"},
		{"big", ``, 200, "completed", "see the result record"},
	} {
		m := hub.Method{Name: tt.name}
		if tt.payload != "" {
			m.Payload = json.RawMessage(tt.payload)
		}
		r, answer := p.invoke(m)
		if r.Status != tt.status || answer["outcome"] != tt.outcome || !strings.Contains(string(r.Payload), tt.text) {
			t.Errorf("%s %s: %d %.300s", tt.name, tt.payload, r.Status, r.Payload)
		}
		a.result(answer["message_id"].(string), tt.outcome, "")
	}
	a.noResult()
}

// A hub without methods is left alone with them; messages go on.
func TestHubWithoutMethods(t *testing.T) {
	for _, refusal := range []string{
		"condition=amqp:not-allowed",
		"condition=amqp:not-found",
		`condition=amqp:internal-error description="403010 not in this tier"`,
	} {
		fault, err := hub.ParseFault("refuse-link methods " + refusal)
		if err != nil {
			t.Fatal(err)
		}
		p := newPost(t, hub.Options{})
		id := p.hub.Inject(fault)
		a := p.agent(c2d.Options{AllowMethods: []string{"echo"}}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
		for a.loop.WithoutMethods() == "" {
			p.told(p.send("", "echo", "{}"), "Success")
		}
		p.told(p.send("", "echo", "{}"), "Success")
		if n := a.link.State().Tenants[1].Restarts; n != 0 {
			t.Errorf("%s: tenant restarted %d times", refusal, n)
		}
		p.hub.Heal(id)
		p.hub.Cut()
		p.must(p.hub.Restore())
		if r, _ := p.invoke(hub.Method{Name: "echo"}); r.Status != 200 || a.loop.WithoutMethods() != "" {
			t.Errorf("%s, on another connection: status %d, without %q", refusal, r.Status, a.loop.WithoutMethods())
		}
	}
	// Trouble that passes is the link's to repair.
	fault, err := hub.ParseFault("refuse-link methods condition=amqp:internal-error count=2")
	if err != nil {
		t.Fatal(err)
	}
	p := newPost(t, hub.Options{})
	p.hub.Inject(fault)
	p.agent(c2d.Options{AllowMethods: []string{"echo"}}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	if r, _ := p.invoke(hub.Method{Name: "echo"}); r.Status != 200 {
		t.Errorf("status %d", r.Status)
	}
}

// After the connection was cut, methods are there again.
func TestMethodsAfterACut(t *testing.T) {
	p := newPost(t, hub.Options{})
	p.agent(c2d.Options{AllowMethods: []string{"echo"}}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	p.invoke(hub.Method{Name: "echo"})
	p.hub.Cut()
	p.must(p.hub.Restore())
	if r, _ := p.invoke(hub.Method{Name: "echo"}); r.Status != 200 {
		t.Errorf("status %d", r.Status)
	}
}

// An action that outlasts the caller is answered with 504 while he waits.
func TestMethodTimesOut(t *testing.T) {
	p := newPost(t, hub.Options{})
	a := p.agent(c2d.Options{AllowMethods: []string{"slow"}, AnswerIn: 3 * time.Second},
		c2d.Action{Name: "slow", Run: func(ctx context.Context, _ c2d.Args) (any, error) { <-ctx.Done(); return nil, ctx.Err() }})
	r, answer := p.invoke(hub.Method{Name: "slow", ResponseTimeout: 30 * time.Second})
	if r.Status != 504 || answer["condition"] != c2d.ConditionTimedOut {
		t.Errorf("%d %v", r.Status, answer)
	}
	a.result(answer["message_id"].(string), "rejected", c2d.ConditionTimedOut)
}
