package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
)

const (
	informEvery = time.Second
	// readyWithin is when the supervisor is told that the agent is up, whatever is
	// missing: it would kill an agent that samples and cannot be asked.
	readyWithin = 30 * time.Second
	askWithin   = 5 * time.Second // an answer of the own socket
)

// inform tells the supervisor when the agent is up, and from then on the first
// broken part of the chain, at each change. What a busy supervisor did not take is
// told again: it kills a program that it has not heard to be ready.
func (a *Agent) inform(ctx context.Context) error {
	if a.parts.Notify == nil {
		return nil
	}
	begin, ready, told := time.Now(), false, ""
	var failed error
	send := func(lines ...string) bool {
		err := a.parts.Notify.Send(lines...)
		if err != nil && failed == nil {
			a.parts.Log.Warn("supervisor not told", "err", err)
		}
		failed = err
		return err == nil
	}
	for {
		if !ready && (a.asked() && a.answers(ctx) || time.Since(begin) >= readyWithin) {
			ready = send(board.NotifyReady)
		}
		if s := a.seen.Load(); s != nil {
			if now := inShort(*s); now != told && send(board.Status(now)) {
				told = now
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(informEvery):
		}
	}
}

// asked reports whether every sensor was asked, whatever it said.
func (a *Agent) asked() bool {
	return !slices.ContainsFunc(a.sensorStates(), func(s sensors.State) bool { return s.Condition == sensors.Starting })
}

// answers reports whether the socket does, by asking there.
func (a *Agent) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	_, err := diag.NewClient(a.cfg.Agent.Socket).Contents(ctx)
	return err == nil
}

// inShort is the verdict of a status in one line that stays the same while nothing
// changes: what a reason counts stands behind its semicolon.
func inShort(s diag.Status) string {
	for _, want := range []diag.State{diag.Broken, diag.Waiting} {
		for _, p := range s.Chain {
			if p.State == want {
				why, _, _ := strings.Cut(p.Reason, "; ")
				return strings.TrimSuffix(string(want)+": "+p.Part+": "+why, ": ")
			}
		}
	}
	return string(diag.OK)
}
