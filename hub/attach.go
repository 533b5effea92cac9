package hub

import (
	"cmp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// attach answers one link: by what its address names, and only with a claim for
// it.
func (p *peer) attach(l *amqpserver.Link) error {
	text := peerAddress(l)
	a := parseAddress(text)
	err := p.hub.faults.attaching(p, a, text)
	if err == nil {
		err = p.route(l, a, text)
	}
	if err != nil {
		p.hub.log.Info("link refused", "peer", p.conn.RemoteAddr(), "address", short(text), "condition", err.Condition)
		return err
	}
	p.hold(l, a)
	return nil
}

// peerAddress is the address of the end that is ours.
func peerAddress(l *amqpserver.Link) string {
	attach := l.PeerAttach()
	if l.PeerSends() {
		if attach.Target != nil {
			return attach.Target.Address
		}
	} else if attach.Source != nil {
		return attach.Source.Address
	}
	return ""
}

// direction is an address kind and who sends on it.
type direction struct {
	kind      addressKind
	peerSends bool
}

func (p *peer) route(l *amqpserver.Link, a address, text string) *wire.Error {
	switch (direction{kind: a.kind, peerSends: l.PeerSends()}) {
	case direction{addressCBS, true}, direction{addressCBS, false}:
		p.openCBS(l)
		return nil
	case direction{addressTelemetry, true}:
		return p.device(l, a, text, p.openTelemetry)
	case direction{addressDeviceQ, false}:
		return p.device(l, a, text, func(l *amqpserver.Link, d *device, _ *claim) { d.queue.receive(l) })
	case direction{addressTwin, true}, direction{addressTwin, false}:
		return p.channel(l, a, text, func(d *device, id string) *wire.Error { return d.twin.open(l, id) })
	case direction{addressMethods, true}, direction{addressMethods, false}:
		return p.channel(l, a, text, func(d *device, id string) *wire.Error { return d.methods.open(l, id) })
	case direction{addressServiceQ, true}:
		return p.service(l, a, text, func() *wire.Error { p.hub.openServiceSender(l); return nil })
	case direction{addressFeedback, false}:
		return p.service(l, a, text, func() *wire.Error { p.hub.feedback.receive(l); return nil })
	case direction{addressFeedback, true}:
		if !p.hub.opts.DeviceFeedbackLink {
			return faultAddress(text)
		}
		return p.deviceFeedback(l, text)
	case direction{addressEvents, false}:
		return p.service(l, a, text, func() *wire.Error { return p.hub.redirect(a) })
	case direction{addressPartition, false}:
		return p.service(l, a, text, func() *wire.Error { return p.hub.openReader(l, a) })
	case direction{addressEntity, true}, direction{addressProduce, true}:
		return p.service(l, a, text, func() *wire.Error { return p.hub.openProducer(l, a) })
	case direction{addressManagement, true}, direction{addressManagement, false}:
		return p.service(l, a, text, func() *wire.Error { p.openManagement(l); return nil })
	default:
		return faultAddress(text)
	}
}

// device opens a link of a device. The connection becomes the device's own: an
// older one loses it.
func (p *peer) device(l *amqpserver.Link, a address, text string, open func(*amqpserver.Link, *device, *claim)) *wire.Error {
	res := resource{"devices", a.deviceID}
	res = append(res, a.resource[2:]...)
	name := a.identity()
	c := p.allowed(res, deviceConnect)
	if c == nil {
		c = p.certify(name)
	}
	if c == nil {
		return faultUnauthorized(text)
	}
	d := p.hub.registry.lookup(name)
	if d == nil {
		return faultDeviceNotFound(cmp.Or(name, a.deviceID))
	}
	d.entering.Lock()
	defer d.entering.Unlock()
	if p.isReplaced() {
		return faultReplaced(name)
	}
	p.enter(l, &openLink{resource: res, need: deviceConnect, device: d})
	older, ok := p.hub.registry.take(d, p)
	if !ok {
		p.leave(l)
		return faultDeviceDisabled(name)
	}
	open(l, d, c)
	p.leaveOnDetach(l)
	if older != nil {
		older.evict(d)
	}
	return nil
}

// channel opens one of the two links of a device's twin or methods.
func (p *peer) channel(l *amqpserver.Link, a address, text string, open func(*device, string) *wire.Error) *wire.Error {
	id, err := channelID(l, text)
	if err != nil {
		return err
	}
	var refused *wire.Error
	if err := p.device(l, a, text, func(_ *amqpserver.Link, d *device, _ *claim) { refused = open(d, id) }); err != nil {
		return err
	}
	if refused != nil {
		p.leave(l)
	}
	return refused
}

// service opens a link of a service.
func (p *peer) service(l *amqpserver.Link, a address, text string, open func() *wire.Error) *wire.Error {
	if p.allowed(a.resource, serviceConnect) == nil {
		return faultUnauthorized(text)
	}
	if err := open(); err != nil {
		return err
	}
	p.enter(l, &openLink{resource: a.resource, need: serviceConnect})
	p.leaveOnDetach(l)
	return nil
}

func (p *peer) enter(l *amqpserver.Link, open *openLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links[l] = open
}

func (p *peer) leaveOnDetach(l *amqpserver.Link) {
	opened := l.OnDetach
	l.OnDetach = func() {
		if opened != nil {
			opened()
		}
		p.leave(l)
	}
}
