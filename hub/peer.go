package hub

import (
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// peer is the other end of one connection: what it may do and what it has open.
type peer struct {
	hub  *Hub
	conn *amqpserver.Conn

	cbs        responder
	management responder

	mu       sync.Mutex
	claims   []*granted
	links    map[*amqpserver.Link]*openLink // those that need a claim
	held     map[*amqpserver.Link]heldLink  // all of them
	opened   int                            // links, in all
	replaced bool                           // a device's newer connection has ended this one
	closed   bool
}

// granted is a claim with the timer that ends it.
type granted struct {
	*claim
	bound bool // by SASL: the connection ends with it
	timer *time.Timer
}

// openLink is why a link may be open.
type openLink struct {
	resource resource
	need     right
	device   *device // nil for services
}

func (p *peer) container() string {
	if open := p.conn.PeerOpen(); open != nil {
		return open.ContainerID
	}
	return ""
}

// bind grants the claim of the connection itself.
func (p *peer) bind(c *claim) { p.add(&granted{claim: c, bound: true}) }

// bindAlone grants the claim of a certificate, unless the connection has one for
// another identity.
func (p *peer) bindAlone(c *claim) bool {
	p.mu.Lock()
	for _, g := range p.claims {
		if g.x509 && g.device != c.device {
			p.mu.Unlock()
			return false
		}
	}
	p.mu.Unlock()
	return p.add(&granted{claim: c, bound: true})
}

// grant adds the claim of a token, in place of an older one for the same. It is
// false when there are too many.
func (p *peer) grant(c *claim) bool { return p.add(&granted{claim: c}) }

func (p *peer) add(g *granted) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return true
	}
	at := len(p.claims)
	for i, older := range p.claims {
		if !older.bound && older.policy == g.policy && older.resource.covers(g.resource) && g.resource.covers(older.resource) {
			at = i
		}
	}
	switch {
	case at < len(p.claims):
		p.claims[at].stop()
		p.claims[at] = g
	case len(p.claims) >= maxClaims:
		return false
	default:
		p.claims = append(p.claims, g)
	}
	if !g.ends.IsZero() {
		g.timer = time.AfterFunc(p.left(g), func() { p.expire(g) })
	}
	return true
}

// left is the time until the end of a claim, by the hub's clock.
func (p *peer) left(g *granted) time.Duration { return g.ends.Sub(p.hub.faults.now()) }

// rearm sets the timers of the claims anew: the hub's clock was set.
func (p *peer) rearm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.claims {
		if g.timer != nil {
			g.timer.Reset(p.left(g))
		}
	}
}

func (g *granted) stop() {
	if g.timer != nil {
		g.timer.Stop()
	}
}

// allowed returns a claim that gives need on res, or nil.
func (p *peer) allowed(res resource, need right) *claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.hub.faults.now()
	for _, g := range p.claims {
		if g.allows(res, need, now) {
			return g.claim
		}
	}
	return nil
}

// expire ends a claim and the links no other claim allows.
func (p *peer) expire(g *granted) {
	p.mu.Lock()
	if !p.remove(func(other *granted) bool { return other == g }) {
		p.mu.Unlock()
		return
	}
	var orphans []*amqpserver.Link
	for l, open := range p.links {
		if !p.covered(open) {
			orphans = append(orphans, l)
		}
	}
	p.mu.Unlock()
	p.hub.log.Info("token expired", "peer", p.conn.RemoteAddr(), "links", len(orphans), "bound", g.bound)
	if g.bound {
		p.conn.Abort()
		return
	}
	for _, l := range orphans {
		l.Detach(faultTokenExpired())
	}
}

// remove takes claims away; the caller holds mu.
func (p *peer) remove(which func(*granted) bool) bool {
	kept := p.claims[:0]
	for _, g := range p.claims {
		if which(g) {
			g.stop()
		} else {
			kept = append(kept, g)
		}
	}
	removed := len(kept) < len(p.claims)
	clear(p.claims[len(kept):])
	p.claims = kept
	return removed
}

// covered reports whether a claim still allows a link; the caller holds mu.
func (p *peer) covered(open *openLink) bool {
	now := p.hub.faults.now()
	for _, g := range p.claims {
		if g.allows(open.resource, open.need, now) {
			return true
		}
	}
	return false
}

// revoke takes away a device's own claims and links, with the reason.
func (p *peer) revoke(d *device, reason *wire.Error) {
	p.mu.Lock()
	bound := false
	p.remove(func(g *granted) bool {
		own := g.resource.isOf(d)
		bound = bound || own && g.bound
		return own
	})
	links := p.linksOf(d)
	p.mu.Unlock()
	for _, l := range links {
		l.Detach(reason)
	}
	if bound {
		p.conn.Close(reason)
	}
}

// evict ends a device's links because another connection has taken it, and the
// connection with them unless it serves others too.
func (p *peer) evict(d *device) {
	p.mu.Lock()
	links := p.linksOf(d)
	alone := len(links) == len(p.links)
	for _, g := range p.claims {
		alone = alone && g.resource.isOf(d)
	}
	p.replaced = p.replaced || alone
	p.mu.Unlock()
	p.hub.log.Warn("device has a newer connection", "device", d.name(), "older", p.conn.RemoteAddr())
	for _, l := range links {
		l.Detach(faultStolen(d.name()))
	}
	if alone {
		p.conn.Close(faultReplaced(d.name()))
	}
}

// isReplaced reports whether the connection is about to end because of evict: it
// must not take the device back.
func (p *peer) isReplaced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replaced
}

// linksOf returns the links of a device; the caller holds mu.
func (p *peer) linksOf(d *device) []*amqpserver.Link {
	var links []*amqpserver.Link
	for l, open := range p.links {
		if open.device == d {
			links = append(links, l)
		}
	}
	return links
}

// leave forgets a link, and the device with its last one.
func (p *peer) leave(l *amqpserver.Link) {
	p.mu.Lock()
	open := p.links[l]
	delete(p.links, l)
	last := open != nil && open.device != nil && len(p.linksOf(open.device)) == 0
	p.mu.Unlock()
	if last {
		p.hub.registry.leave(open.device, p)
	}
}

// close stops the timers of a connection that has ended.
func (p *peer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, g := range p.claims {
		g.stop()
	}
	p.claims = nil
}
