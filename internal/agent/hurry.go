package agent

import (
	"context"

	"fieldpost/internal/netwatch"
)

// hurry has the link not wait, if it does for the network or the hub.
func (a *Agent) hurry() {
	select {
	case a.urgent <- struct{}{}:
	default:
	}
}

// watchNetwork hurries when the network comes back. Where that cannot be known,
// the link finds out by itself, later.
func (a *Agent) watchNetwork(ctx context.Context) error {
	if a.parts.Dial != nil { // it is not the machine's network that is dialled over
		return nil
	}
	if err := (&netwatch.Watch{Came: a.hurry}).Run(ctx); err != nil {
		a.parts.Log.Info("changes of the network are not heard", "err", err)
	}
	return nil
}
