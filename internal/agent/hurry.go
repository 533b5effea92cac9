package agent

import (
	"context"

	"fieldpost/internal/netwatch"
	"fieldpost/store"
	"fieldpost/uplink"
)

// hurry has the link not wait, if it does for the network or the hub. While it is
// online there is no wait to end, and the next one is for another reason.
func (a *Agent) hurry() {
	if a.Online() {
		return
	}
	select {
	case a.urgent <- struct{}{}:
	default:
	}
}

// linkMoved is told each state of the link. An alarm that was not sent before the
// link went down is as urgent as one that is appended then.
func (a *Agent) linkMoved(s uplink.LinkState) {
	a.outputs.link(s.Phase == uplink.PhaseOnline)
	switch s.Phase {
	case uplink.PhaseOnline:
		a.online.Store(true)
	case uplink.PhaseWaiting:
		if a.online.Swap(false) && a.store.Stats().PerClass[store.Alarm].Queued > 0 {
			a.hurry()
		}
	}
	a.parts.Watch.Link(s)
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
