package hub

import (
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// faultMessage is a message the hub has got, or the word of a peer on one that it
// has sent, before the hub has dealt with it.
type faultMessage struct {
	p       *peer
	l       *amqpserver.Link
	held    heldLink
	payload []byte // of a message

	// deal lets the hub deal with it; then gets the outcome in place of the peer.
	deal   func(then func(wire.Outcome))
	answer func(wire.DeliveryState) // tells the peer
	done   bool                     // a fault has dealt with it
}

// watch puts the faults before what deals with the messages of a link, or with
// the settlement of those the peer receives.
func (p *peer) watch(l *amqpserver.Link, held heldLink) {
	handle := l.OnDelivery
	switch {
	case l.PeerSends() && handle != nil:
		l.OnDelivery = func(d *amqpserver.Delivery) {
			list := p.hub.faults.messages.Load()
			if list == nil || !(&faultMessage{
				p: p, l: l, held: held, payload: d.Payload, answer: d.Answer,
				deal: func(then func(wire.Outcome)) {
					d.OnSettle = then
					handle(d)
				},
			}).meet(*list) {
				handle(d)
			}
		}
	case !l.PeerSends() && held.kind&(linkDevicebound|linkFeedback|linkEvents) != 0:
		l.OnSettle = func(s *amqpserver.Settlement) {
			list := p.hub.faults.messages.Load()
			if list == nil || !(&faultMessage{
				p: p, l: l, held: held, answer: s.Answer,
				deal: func(then func(wire.Outcome)) { then(s.Decide()) },
			}).meet(*list) {
				s.Answer(s.Decide())
			}
		}
	}
}

// meet lets every fault see the message, until one has dealt with it, and reports
// whether one has.
func (m *faultMessage) meet(list []*activeFault) bool {
	for _, a := range list {
		if m.done {
			break
		}
		if m.held.kind&a.struckLinks() == 0 || a.connection != 0 && a.connection != m.p.number() || !a.concerns(m.identity(a)) {
			continue
		}
		switch {
		case a.kind.begin != nil:
			m.strike(a)
		case a.kind.due != nil && !a.kind.due(a, time.Now()):
		case a.strikes():
			a.kind.message(a, m)
			m.done = true
			a.tell()
		}
	}
	return m.done
}

// strike lets a fault that counts messages strike the link or the connection. A
// message at which an event happens is lost with it.
func (m *faultMessage) strike(a *activeFault) {
	t := faultTarget{p: m.p}
	if a.kind.perLink {
		t.l = m.l
	}
	a.mu.Lock()
	_, had := a.targets[t]
	a.mu.Unlock()
	if had && !a.kind.event() || !a.strikes() {
		return
	}
	a.mu.Lock()
	if a.targets != nil {
		a.targets[t] = struct{}{}
	}
	a.mu.Unlock()
	if !a.kind.begin(a, t) {
		a.mu.Lock()
		a.begun--
		a.mu.Unlock()
		return
	}
	m.done = a.kind.event()
	a.tell()
}

// identity names whom the message is from; for $cbs whom its request is about.
func (m *faultMessage) identity(a *activeFault) string {
	if a.device == "" || m.held.kind != linkCBS {
		return m.held.identity
	}
	request, err := wire.ParseMessage(m.payload)
	if err != nil {
		return ""
	}
	name, _ := request.ApplicationProperties["name"].(string)
	audience, _ := m.p.hub.names.parseAudience(name)
	return m.p.hub.registry.canonical(audience).identity()
}

// settle ends the message with what answer does. A logged one is dealt with
// first: answer gets what the hub would have said.
func (m *faultMessage) settle(logged bool, answer func(wire.Outcome)) {
	if logged {
		m.deal(answer)
	} else {
		answer(wire.Released{})
	}
}

// settleAs answers with a state of the fault's own.
func settleAs(usuallyLogged bool, state func(*activeFault) wire.DeliveryState) func(*activeFault, *faultMessage) {
	return func(a *activeFault, m *faultMessage) {
		m.settle(a.unusual != usuallyLogged, func(wire.Outcome) { m.answer(state(a)) })
	}
}

func rejectMessage(a *activeFault) wire.DeliveryState {
	return wire.Rejected{Error: a.error(wire.CondInternalError, codeInternal, "The hub rejects the message.")}
}

func throttleMessage(a *activeFault) wire.DeliveryState {
	return wire.Rejected{Error: a.error("com.microsoft:device-container-throttled", codeThrottled,
		"IotHubThrottled: the operation is throttled, try again later.")}
}

func quotaMessage(a *activeFault) wire.DeliveryState {
	return wire.Rejected{Error: a.error(wire.CondResourceLimitExceeded, codeQuotaExceeded,
		"IotHubQuotaExceeded: the total number of messages on IotHub '%s' exceeded the allocated quota.", a.set.hub.names.hub())}
}

// error is the error of the line, and what it does not say is usual for its
// kind.
func (a *activeFault) error(usual wire.Symbol, code int, format string, args ...any) *wire.Error {
	e := fault(usual, code, format, args...)
	if a.condition != "" {
		e.Condition = wire.Symbol(a.condition)
	}
	if a.description != "" {
		e.Description = a.description
	}
	return e
}

// overRate reports whether a message comes above the rate: what a bucket that
// holds one second's worth has no token for.
func overRate(a *activeFault, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	room := max(1, a.rate)
	if a.filled.IsZero() {
		a.tokens, a.filled = room, now
	}
	a.tokens = min(room, a.tokens+now.Sub(a.filled).Seconds()*a.rate)
	a.filled = now
	if a.tokens < 1 {
		return true
	}
	a.tokens--
	return false
}

func delayMessage(a *activeFault, m *faultMessage) {
	m.settle(true, func(o wire.Outcome) {
		time.AfterFunc(a.by, func() { m.answer(o) })
	})
}

func dropUnanswered(a *activeFault, m *faultMessage) {
	m.settle(!a.unusual, func(wire.Outcome) {})
	m.p.socket().drop(a.how)
}
