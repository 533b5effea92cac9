package agent

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// Status tells how the agent is: the chain from the board to the hub with its
// first broken part, the queue, and what a power cut would take now.
func (a *Agent) Status() diag.Status {
	stats, link, drain, now := a.store.Stats(), a.link.State(), a.drain.Stats(), a.parts.Clock.Now()
	s := diag.Status{
		Queue:   queueOf(stats),
		AtRiskS: stats.AtRisk.Seconds(),
		Store:   a.storeOf(stats),
		Link:    linkOf(link),
		Uplink:  a.uplinkOf(drain),
		Agent: diag.Agent{
			Version:  a.parts.Version,
			PID:      os.Getpid(),
			DeviceID: a.identity.deviceID(),
			Board:    a.board().Model,
			Store:    hex.EncodeToString(stats.Store[:]),
			Epoch:    stats.Epoch,
			UptimeS:  (now.BootTime - a.started.BootTime).Seconds(),
			LogLevel: a.parts.Level.Level().String(),
		},
	}
	clockOf(&s.Agent, now, a.floor.Earliest.At())
	s.Board = a.boardOf()
	parts := append([]diag.Part{a.boardPart(s.Board), a.busesPart(), a.sensorsPart(), storePart(stats)}, linkParts(link, drain, a.commands.WithoutMethods())...)
	a.watchdog.blame(parts)
	s.Judge(parts)
	return s
}

// Online reports whether the link to the hub is up.
func (a *Agent) Online() bool { return a.link.State().Phase == uplink.PhaseOnline }

func (a *Agent) board() board.Identity {
	a.boardOnce.Do(func() { a.boardID = board.Identify(a.parts.Root) })
	return a.boardID
}

// boardOf tells how the board is.
func (a *Agent) boardOf() diag.Board {
	b := a.hardware.shown()
	b.Watchdog, b.LastStall, b.Light = a.watchdog.shown(), a.lastStall.Load(), a.lightOf()
	return b
}

// boardPart is broken when an output cannot be had, or the board itself is not well.
// What only serves a person, or nobody yet, is told beside it.
func (a *Agent) boardPart(b diag.Board) diag.Part {
	p := diag.Part{Part: "board", State: diag.OK, Reason: b.Model}
	switch state, reason, hint := verdictOf(b); {
	case reason != "":
		p.State, p.Reason, p.Hint = state, reason, hint
	case b.Watchdog.Fault != "":
		p.Reason, p.Hint = b.Watchdog.Fault, b.Watchdog.Hint
	case b.Light.Fault != "":
		p.Reason, p.Hint = b.Light.Fault, b.Light.Hint
	}
	if p.State == diag.Broken {
		return p
	}
	if name, err := a.outputs.missing(); err != nil {
		p.State, p.Reason, p.Hint = diag.Broken, "output "+name+": "+err.Error(), diag.Hint(err)
	}
	return p
}

// busesPart calls a bus broken when no sensor on it can be read.
func (a *Agent) busesPart() diag.Part {
	if len(a.cfg.Buses) == 0 {
		return diag.Part{Part: "buses", State: diag.Off, Reason: "none configured"}
	}
	for _, b := range a.cfg.Buses {
		var failing, all int
		var last sensors.State
		for _, s := range a.sensorStates() {
			if s.Bus != b.Name {
				continue
			}
			all++
			if s.Condition == sensors.Hung {
				return diag.Part{Part: "buses", State: diag.Broken, Hint: s.Hint,
					Reason: fmt.Sprintf("bus %s (%s) is hung: %s", b.Name, b.Device, s.Reason)}
			}
			if s.Condition == sensors.Failing {
				failing, last = failing+1, s
			}
		}
		if all > 0 && failing == all {
			return diag.Part{Part: "buses", State: diag.Broken, Hint: last.Hint,
				Reason: fmt.Sprintf("bus %s (%s): no sensor on it can be read: %s", b.Name, b.Device, last.Reason)}
		}
	}
	return diag.Part{Part: "buses", State: diag.OK}
}

func (a *Agent) sensorsPart() diag.Part {
	p := diag.Part{Part: "sensors", State: diag.OK}
	var failing, starting int
	for _, s := range a.sensorStates() {
		reason, broken := s.Reason, s.Condition == sensors.Failing || s.Condition == sensors.Hung
		if why, bad := allBad(s.Last); !broken && bad {
			reason, broken = why, true
		}
		switch {
		case broken:
			if failing == 0 {
				p.State, p.Hint = diag.Broken, s.Hint
				p.Reason = "sensor " + s.Sensor + ": " + reason
			}
			failing++
		case s.Condition == sensors.Starting:
			starting++
		}
	}
	switch {
	case failing > 1:
		p.Reason += fmt.Sprintf(" (and %d more)", failing-1)
	case failing == 0 && starting == len(a.cfg.Sensors):
		p.State, p.Reason = diag.Waiting, "no sample taken yet"
	}
	return p
}

// allBad reports whether a reading holds nothing worth sending, and why: the
// sensor answers, and nothing of it arrives.
func allBad(r sensors.Reading) (why string, bad bool) {
	for _, v := range r.Values {
		if v.Quality != sensors.Bad {
			return "", false
		}
		why = "every value is bad, nothing is sent: " + v.Name + " " + v.Reason
	}
	return why, len(r.Values) > 0
}

// storeHint is the next move after the last error of the disk, which the store has
// as text.
func storeHint(s store.Stats) string {
	switch {
	case s.Full == s.LastError:
		return "the oldest readings make room for new ones, alarms and commands go on; free the disk that holds agent.state_dir"
	case strings.Contains(s.LastError, syscall.EROFS.Error()):
		return "readings are kept in memory; " + hintReadOnly
	case s.LastHint != "":
		return "readings are kept in memory; " + s.LastHint
	}
	return "readings are kept in memory; " + hintDisk
}

func storePart(s store.Stats) diag.Part {
	p := diag.Part{Part: "store", State: diag.OK}
	switch {
	case s.LastError != "":
		p.State, p.Reason = diag.Broken, s.LastError
		p.Hint = storeHint(s)
	case !s.Ready:
		p.State, p.Reason = diag.Waiting, s.Opening
		if g := s.Salvage; g.Phase != "" && g.Total > 0 {
			p.Reason += fmt.Sprintf("; %s %d %%", g.Phase, min(100, int64(100*float64(g.Done)/float64(g.Total))))
		}
	case s.IdentityReset != "":
		p.Reason, p.Hint = "new identity: "+s.IdentityReset, s.IdentityHint
	}
	return p
}

// linkParts spreads the state of the link over network, identity and hub: what
// comes before the cause has worked, what comes after it was not reached.
func linkParts(link uplink.LinkState, drain uplink.DrainStats, withoutMethods string) []diag.Part {
	parts := []diag.Part{
		{Part: uplink.CauseNetwork, State: diag.OK},
		{Part: uplink.CauseIdentity, State: diag.OK},
		{Part: uplink.CauseHub, State: diag.OK},
	}
	at := func(cause string) int {
		return slices.IndexFunc(parts, func(p diag.Part) bool { return p.Part == cause })
	}
	if link.Phase == uplink.PhaseClock {
		parts[0] = diag.Part{Part: uplink.CauseNetwork, State: diag.Waiting, Reason: "the first attempt waits a moment for the clock to be set"}
		parts[1].State, parts[2].State = diag.Waiting, diag.Waiting
		return parts
	}
	if link.Phase != uplink.PhaseOnline {
		first := max(0, at(link.Cause))
		for i := first; i < len(parts); i++ {
			parts[i].State = diag.Waiting
		}
		parts[first].Reason = link.Phase
		if link.LastError != "" {
			parts[first].State, parts[first].Reason, parts[first].Hint = diag.Broken, link.LastError, link.Hint
			if !link.NextAttempt.IsZero() {
				parts[first].Reason += "; next attempt in " + diag.Span(time.Until(link.NextAttempt).Round(time.Second))
			}
		}
		if link.Phase == uplink.PhaseNoIdentity {
			parts[0].State, parts[0].Reason = diag.Off, "not tried without an identity"
		}
		return parts
	}
	for _, t := range link.Tenants {
		if i := at(t.Cause); i >= 0 && parts[i].State == diag.OK && t.LastError != "" && !t.Serving {
			parts[i].State, parts[i].Reason, parts[i].Hint = diag.Broken, t.Name+": "+t.LastError, t.Hint
		}
	}
	if id := &parts[at(uplink.CauseIdentity)]; id.State == diag.OK && !link.TwiceAt.IsZero() && time.Since(link.TwiceAt) < twiceShown {
		id.State = diag.Broken
		id.Reason = fmt.Sprintf("another client is connected with this device id: noticed %s, last %s ago",
			times(link.Twice), diag.Span(time.Since(link.TwiceAt).Round(time.Second)))
		id.Hint = "one identity belongs to one device: find the other, or give each a device of its own"
	}
	hub := &parts[at(uplink.CauseHub)]
	if hub.State == diag.OK && withoutMethods != "" {
		hub.Reason, hub.Hint = "has no direct methods: they are refused with "+withoutMethods, "hubs of the basic tier have none: set commands.allow_methods = []"
	}
	if hub.State == diag.OK && drain.HeldBy != "" {
		again := diag.Span(time.Until(drain.HeldUntil).Round(time.Second))
		hub.Hint = drain.HeldHint
		switch drain.HeldBy {
		case uplink.HeldByBudget: // as configured
			hub.Reason = fmt.Sprintf("%s; another day begins in %s", drain.Held, again)
		default:
			hub.State = diag.Broken
			hub.Reason = fmt.Sprintf("hands messages back: %s; sends again in %s", drain.Held, again)
		}
	}
	return parts
}

// twiceShown is how long after it was noticed last another client with our
// identity is shown, although the link is up: the two take it from each other.
const twiceShown = time.Hour

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func linkOf(l uplink.LinkState) diag.Link {
	w := diag.Link{
		Phase:     l.Phase,
		Transport: l.Transport,
		SinceS:    time.Since(l.Since).Seconds(),
		Connects:  l.Connects,
		Failures:  l.Failures,
		LastError: l.LastError,
		Rebuilds:  l.Rebuilds,
		Abandoned: l.Abandoned,
		Twice:     l.Twice,
	}
	if !l.NextAttempt.IsZero() {
		w.NextAttemptInS = max(0, time.Until(l.NextAttempt).Seconds())
	}
	return w
}
