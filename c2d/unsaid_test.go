package c2d_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"fieldpost/c2d"
	"fieldpost/hub"
)

// Arguments may hold anything: no log at any level and no reason repeats them.
func TestArgumentsStayUnsaid(t *testing.T) {
	const secret, wrong = "correct horse battery staple", "hunter2hunter2"
	p := newPost(t, hub.Options{})
	var log lockedBuffer
	arg := []c2d.Arg{{Name: "password", Type: "string"}, {Name: "number", Type: "integer"}}
	a := p.agent(c2d.Options{AllowMethods: []string{"join"}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		c2d.Action{Name: "join", Args: arg, Run: func(context.Context, c2d.Args) (any, error) { return nil, nil }})
	p.told(p.send("", "join", `{"password":"`+secret+`"}`), "Success")
	p.told(p.send("", "join", `{"number":"`+wrong+`"}`), "Rejected")
	p.told(p.send("", "join", `{"password":"`+secret+`","passwort":1}`), "Rejected")
	p.told(p.send("", "join", `{"password":"`+secret), "Rejected")
	p.invoke(hub.Method{Name: "join", Payload: json.RawMessage(`{"password":"` + secret + `"}`)})
	told := log.String() + fmt.Sprint(a.store.Journal().Entries())
	if strings.Contains(told, secret) || strings.Contains(told, wrong) || !strings.Contains(told, "name=join") {
		t.Errorf("logged or kept:\n%s", told)
	}
}

// lockedBuffer is a buffer that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
