package hub

import (
	"sort"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// faultTarget is a connection or, with a link, that link of it. A socket alone is
// what a black hole holds.
type faultTarget struct {
	p *peer
	l *amqpserver.Link // nil: the connection
	s *socket
}

// heldLink is what faults know of a link.
type heldLink struct {
	kind     linkKinds
	identity string // device or module; "" for links of no device
	credit   uint32 // that it is given
	order    int    // of opening, on its connection
}

// sweep strikes all there are now.
func (a *activeFault) sweep() {
	for _, p := range a.set.everyone() {
		for _, t := range p.targetsOf(a) {
			a.offer(t, a.every.d > 0)
		}
	}
}

// offer strikes a target, unless it has been struck; again strikes it all the
// same. It reports whether it did.
func (a *activeFault) offer(t faultTarget, again bool) bool {
	a.mu.Lock()
	if _, had := a.targets[t]; a.over || !a.armed || had && !again || !a.take() {
		a.mu.Unlock()
		return false
	}
	a.targets[t] = struct{}{}
	a.mu.Unlock()
	if !a.kind.begin(a, t) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.begun--
		delete(a.targets, t)
		return false
	}
	a.mu.Lock()
	late := a.over && a.kind.end != nil
	a.mu.Unlock()
	if late {
		a.kind.end(a, t)
	}
	a.tell()
	return true
}

// forget drops a target that is gone.
func (s *faultSet) forget(t faultTarget) {
	list := s.targets.Load()
	if list == nil {
		return
	}
	for _, a := range *list {
		a.mu.Lock()
		delete(a.targets, t)
		a.mu.Unlock()
	}
}

// greet offers a new connection, or one that has just become a device's with the
// link l, to the faults that wait for one.
func (s *faultSet) greet(p *peer, l *amqpserver.Link) {
	list := s.targets.Load()
	if list == nil {
		return
	}
	for _, a := range *list {
		if a.byMessage() || a.every.d > 0 {
			continue
		}
		for _, t := range p.targetsOf(a) {
			if (t.l == nil || t.l == l) && a.offer(t, false) && a.once() {
				a.finish()
			}
		}
	}
}

// targetsOf returns what of the connection the fault is about.
func (p *peer) targetsOf(a *activeFault) []faultTarget {
	if p.socket().closed.Load() || a.connection != 0 && a.connection != p.number() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []faultTarget
	for l, held := range p.held {
		if held.kind&a.struckLinks() != 0 && a.concerns(held.identity) {
			list = append(list, faultTarget{p: p, l: l})
		}
	}
	sort.Slice(list, func(i, j int) bool { return p.held[list[i].l].order < p.held[list[j].l].order })
	if a.kind.perLink {
		return list
	}
	whole := []faultTarget{{p: p}}
	switch {
	case a.links != 0:
		if len(list) == 0 {
			return nil
		}
	case a.device != "" && !p.isFor(a):
		return nil
	}
	return whole
}

// isFor reports whether the connection is the fault's device's; the caller holds
// mu.
func (p *peer) isFor(a *activeFault) bool {
	for _, held := range p.held {
		if held.identity != "" && a.concerns(held.identity) {
			return true
		}
	}
	for _, g := range p.claims {
		if id := g.resource.identity(); id != "" && a.concerns(id) {
			return true
		}
	}
	return false
}

// hold notes a link that is open now and lets the faults see it.
func (p *peer) hold(l *amqpserver.Link, a address) {
	held := heldLink{kind: a.linkKind(), identity: a.identity(), credit: l.Credit}
	p.mu.Lock()
	p.opened++
	held.order = p.opened
	p.held[l] = held
	p.mu.Unlock()
	opened := l.OnDetach
	l.OnDetach = func() {
		if opened != nil {
			opened()
		}
		p.mu.Lock()
		delete(p.held, l)
		p.mu.Unlock()
		p.hub.faults.forget(faultTarget{p: p, l: l})
	}
	p.watch(l, held)
	p.hub.faults.greet(p, l)
}

func (p *peer) heldLink(l *amqpserver.Link) heldLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held[l]
}

// socket is the connection below TLS.
func (p *peer) socket() *socket {
	return p.conn.NetConn().(*client).raw
}

// number tells the connections of a hub apart, from 1 in the order in which they
// were made.
func (p *peer) number() int { return p.socket().number }

// expireNow ends the tokens the fault is about, as if their time had come.
func (p *peer) expireNow(a *activeFault) bool {
	p.mu.Lock()
	var expired []*granted
	for _, g := range p.claims {
		if !g.ends.IsZero() && (a.device == "" || a.concerns(g.resource.identity())) {
			expired = append(expired, g)
		}
	}
	p.mu.Unlock()
	for _, g := range expired {
		p.expire(g)
	}
	return len(expired) > 0
}

// evictAll does to the connection what happens to it when the devices the fault
// is about connect again elsewhere.
func (p *peer) evictAll(a *activeFault) bool {
	p.mu.Lock()
	devices := make(map[*device]bool)
	for _, open := range p.links {
		if open.device != nil && a.concerns(open.device.name()) {
			devices[open.device] = true
		}
	}
	p.mu.Unlock()
	for d := range devices {
		p.evict(d)
	}
	return len(devices) > 0
}

// attaching asks the faults about a link before the hub does.
func (s *faultSet) attaching(p *peer, address address, text string) *wire.Error {
	list := s.attaches.Load()
	if list == nil {
		return nil
	}
	for _, a := range *list {
		if address.linkKind()&a.struckLinks() == 0 || !a.concerns(address.identity()) || a.connection != 0 && a.connection != p.number() {
			continue
		}
		if a.strikes() {
			defer a.tell()
			return a.kind.attach(a, text)
		}
	}
	return nil
}
