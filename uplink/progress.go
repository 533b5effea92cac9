package uplink

// Progress is what a tenant has done and has yet to do.
type Progress struct {
	Moved   uint64 // settled since the start; goes up with each
	Waiting bool   // there is something to do and nothing that it waits for but the hub
}

// Progresser is what a Tenant may have beside Serve: the watchdog of the Link
// rebuilds a connection on which such a tenant does not get on.
type Progresser interface {
	Progress() Progress
}

// Progress tells of the answers of the hub, whatever they say, and whether records
// are queued that are not held back. It implements Progresser.
func (d *Drain) Progress() Progress {
	s := d.Stats()
	p := Progress{Moved: s.Accepted + s.Rejected + s.Resent}
	if s.HeldBy != "" {
		return p
	}
	for _, c := range d.opts.Store.Stats().PerClass {
		if c.Queued > 0 {
			p.Waiting = true
		}
	}
	return p
}
