package uplink

import (
	"slices"

	"fieldpost/store"
)

// Progress is what a tenant has done and has yet to do.
type Progress struct {
	Moved   uint64 // answers since the start, whatever they say; goes up with each
	Waiting bool   // there is something to do and nothing that it waits for but the hub
}

// Progresser is what a Tenant may have beside Serve: the watchdog of the Link
// rebuilds a connection on which such a tenant does not get on.
type Progresser interface {
	Progress() Progress
}

// Progress tells of the answers of the hub, whatever they say, and whether records
// are queued that wait for nothing but the hub: not for a pause it asked for, the
// budget of another day, company in their message or their turn under the cap. It
// implements Progresser.
func (d *Drain) Progress() Progress {
	s := d.Stats()
	d.mu.Lock()
	p := Progress{Moved: d.answers}
	d.mu.Unlock()
	_, gathering := d.gathering()
	for class, c := range d.opts.Store.Stats().PerClass {
		held := !slices.Contains(urgent, store.Class(class)) && (s.HeldBy == HeldByBudget || gathering)
		p.Waiting = p.Waiting || c.Queued > 0 && !held
	}
	if s.HeldBy == HeldByHub || s.InFlight == 0 && d.pace.capped() {
		p.Waiting = false
	}
	return p
}
