package main

import (
	"context"
	"errors"
	"testing"

	"fieldpost/internal/agent"
)

// A stop that comes while a command restarts the agent is a stop.
func TestRestarts(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want bool
	}{
		{t.Context(), errors.Join(errors.New("close queue"), agent.ErrRestart), true},
		{t.Context(), agent.ErrReboot, false},
		{t.Context(), nil, false},
		{stopped, agent.ErrRestart, false},
	} {
		if got := restarts(c.ctx, c.err); got != c.want {
			t.Errorf("%v, stopped: %v: restarts %v", c.err, c.ctx.Err(), got)
		}
	}
}
