package hub

import (
	"errors"
	"slices"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// faultKind is what a fault does: to a connection that is made (accept), to a
// link that is attached (attach), to a message (message), to connections and
// links there are (begin; with end it lasts, without it is an event), or to the
// hub as a whole (turn). The functions are reached by ParseFault alone, so that
// a program which parses no fault has none of them.
type faultKind struct {
	name  string
	args  []string // clauses of its own
	needs []string // of these, those it cannot do without
	bars  []string // common clauses it cannot have
	how   []string // values of how, the usual one first
	check func(*Fault) error

	links linkKinds // those a line may name
	usual linkKinds // those of a line that names none

	perLink   bool // begin and end are for links
	backwards bool // by may be below 0

	accept  func(*activeFault, *accepted)
	attach  func(*activeFault, string) *wire.Error
	message func(*activeFault, *faultMessage)
	due     func(*activeFault, time.Time) bool // whether it is the message's turn at all
	begin   func(*activeFault, faultTarget) bool
	end     func(*activeFault, faultTarget)
	turn    func(*faultSet)
}

func (k *faultKind) event() bool { return k.begin != nil && k.end == nil }

// takes reports whether a line of this kind may have the clause.
func (k *faultKind) takes(clause string) bool {
	if slices.Contains(commonClauses, clause) {
		return !slices.Contains(k.bars, clause)
	}
	return slices.Contains(k.args, clause)
}

// faultKinds are all there are, by what they strike.
func faultKinds() []*faultKind {
	return slices.Concat(acceptFaults(), attachFaults(), messageFaults(), linkFaults(), connectionFaults(), hubFaults())
}

// lasting bars what makes no sense for a fault that lasts.
var lasting = []string{"every"}

func acceptFaults() []*faultKind {
	bars := []string{"device"}
	return []*faultKind{
		{name: "refuse", args: []string{"how"}, how: dropWays, bars: bars, accept: refuseConnection},
		{name: "slow-accept", args: []string{"by"}, needs: []string{"by"}, bars: bars, accept: delayConnection},
		{name: "gwv2", args: []string{"how"}, how: []string{"fixed", "bare-flow"}, bars: bars, accept: secondGateway},
	}
}

func attachFaults() []*faultKind {
	return []*faultKind{
		{
			name: "refuse-link", args: []string{"condition", "description"}, links: linksAll, usual: linkTelemetry,
			attach: func(a *activeFault, _ string) *wire.Error {
				return a.error(wire.CondInternalError, codeInternal, "The hub refuses the link.")
			},
		},
		{
			name: "redirect", args: []string{"to", "description"}, needs: []string{"to"}, links: linksAll, usual: linkTelemetry,
			attach: redirectLink,
		},
	}
}

// replyArgs are what may become of the reply to a request.
var replyArgs = []string{"status", "description", "slow", "never"}

func checkReply(f *Fault) error {
	if f.status == 0 && f.by == 0 && !f.never {
		return errors.New("it needs status=500, slow=40s or never")
	}
	return nil
}

func messageFaults() []*faultKind {
	say := []string{"condition", "description", "logged"}
	return []*faultKind{
		{name: "reject", args: say, links: linksHeard, usual: linkTelemetry, message: settleAs(false, rejectMessage)},
		{name: "release", args: []string{"logged"}, links: linksHeard, usual: linkTelemetry,
			message: settleAs(false, func(*activeFault) wire.DeliveryState { return wire.Released{} })},
		{name: "modify", args: []string{"logged"}, links: linksHeard, usual: linkTelemetry,
			message: settleAs(false, func(*activeFault) wire.DeliveryState { return wire.Modified{DeliveryFailed: true} })},
		{name: "stateless", args: []string{"unlogged"}, links: linksHeard, usual: linkTelemetry,
			message: settleAs(true, func(*activeFault) wire.DeliveryState { return nil })},
		{name: "no-answer", args: []string{"unlogged"}, links: linksHeard, usual: linkTelemetry,
			message: func(a *activeFault, m *faultMessage) { m.settle(!a.unusual, func(wire.Outcome) {}) }},
		{name: "delay", args: []string{"by"}, needs: []string{"by"}, links: linksHeard, usual: linkTelemetry, message: delayMessage},
		{name: "drop-unanswered", args: []string{"how", "unlogged"}, how: dropWays, links: linksHeard, usual: linkTelemetry,
			message: dropUnanswered},
		{name: "throttle", args: append([]string{"rate"}, say...), links: linksHeard, usual: linkTelemetry,
			due: func(a *activeFault, now time.Time) bool { return a.rate == 0 || overRate(a, now) }, message: settleAs(false, throttleMessage)},
		{name: "quota", args: say, links: linksHeard, usual: linkTelemetry, message: settleAs(false, quotaMessage)},
		{name: "put-token", args: replyArgs, usual: linkCBS, check: checkReply, message: disturbPutToken},
		{name: "twin-reply", args: replyArgs, usual: linkTwin, check: checkReply, message: disturbTwin},
	}
}

func linkFaults() []*faultKind {
	detach := func(reason func(*activeFault, faultTarget) *wire.Error) func(*activeFault, faultTarget) bool {
		return func(a *activeFault, t faultTarget) bool {
			t.l.Detach(reason(a, t))
			return true
		}
	}
	return []*faultKind{
		{
			name: "busy", args: []string{"condition", "description"}, links: linksAll, usual: linkTelemetry, perLink: true,
			begin: detach(func(a *activeFault, _ faultTarget) *wire.Error {
				return a.error(wire.CondDetachForced, codeServerBusy, "Server Busy. Please retry operation")
			}),
		},
		{
			name: "detach", args: []string{"condition", "description"}, needs: []string{"condition"}, links: linksAll, usual: linkTelemetry, perLink: true,
			begin: detach(func(a *activeFault, _ faultTarget) *wire.Error {
				return a.error(wire.CondInternalError, codeInternal, "The hub ends the link.")
			}),
		},
		{
			name: "steal", args: []string{"how"}, how: []string{"stolen", "internal"}, links: linksAll, usual: linkDevicebound, perLink: true,
			begin: detach(stolenLink),
		},
		{
			name: "credit-zero", links: linksSending, usual: linkTelemetry, perLink: true, bars: lasting,
			begin: func(_ *activeFault, t faultTarget) bool { return t.l.SetCredit(0) == nil },
			// A link that is gone needs no credit.
			end: func(_ *activeFault, t faultTarget) { _ = t.l.SetCredit(t.p.heldLink(t.l).credit) },
		},
	}
}

func connectionFaults() []*faultKind {
	hold := func(hold func(*amqpserver.Conn, bool)) *faultKind {
		return &faultKind{
			links: linksAll, usual: linkTelemetry, bars: lasting,
			begin: func(_ *activeFault, t faultTarget) bool { hold(t.p.conn, true); return true },
			end:   func(_ *activeFault, t faultTarget) { hold(t.p.conn, false) },
		}
	}
	stall, noClose, noHeartbeat := hold((*amqpserver.Conn).HoldFlows), hold((*amqpserver.Conn).HoldClose), hold((*amqpserver.Conn).HoldHeartbeats)
	stall.name, noClose.name, noHeartbeat.name = "stall", "no-close", "no-heartbeat"
	event := func(name string, begin func(*activeFault, faultTarget) bool) *faultKind {
		return &faultKind{name: name, links: linksAll, usual: linkTelemetry, begin: begin}
	}
	with := func(k *faultKind, args, how []string) *faultKind {
		k.args, k.how = args, how
		return k
	}
	return []*faultKind{
		with(event("drop", func(a *activeFault, t faultTarget) bool { t.p.socket().drop(a.how); return true }), []string{"how"}, dropWays),
		{
			name: "blackhole", args: []string{"new"}, links: linksAll, usual: linkTelemetry, bars: lasting,
			accept: func(a *activeFault, c *accepted) { a.swallow(c) },
			begin:  func(a *activeFault, t faultTarget) bool { a.fell(t.p.socket()); return true },
			end: func(_ *activeFault, t faultTarget) {
				if t.s != nil {
					t.s.rise()
				}
			},
		},
		stall, noClose, noHeartbeat,
		event("token-expire", func(a *activeFault, t faultTarget) bool { return t.p.expireNow(a) }),
		event("second-connection", func(a *activeFault, t faultTarget) bool { return t.p.evictAll(a) }),
		with(event("half-frame", halfFrame), []string{"how"}, []string{"silence", "fin", "rst"}),
		event("oversized-frame", oversizedFrame),
		with(event("garbage", garbage), []string{"bytes"}, nil),
	}
}

func hubFaults() []*faultKind {
	return []*faultKind{{
		name: "clock-skew", args: []string{"by"}, needs: []string{"by"}, backwards: true,
		bars: []string{"device", "connection", "every", "p", "seed", "count"},
		check: func(f *Fault) error {
			if f.after.n > 0 {
				return errors.New("after is a duration here")
			}
			return nil
		},
		turn: (*faultSet).turnClock,
	}}
}
