package agent

import (
	"context"
	"sync"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// How often the agent looks at itself: for the history, and for what became of
// records while somebody follows that.
const (
	lookEvery   = time.Second
	settleEvery = 250 * time.Millisecond
)

// watch tells whoever follows the agent what happens, and keeps the history. What
// comes from other goroutines is told on them; the rest is found by looking.
type watch struct {
	agent   *Agent
	events  *diag.Events
	history *history

	mu      sync.Mutex
	settled settledCount

	// Of the loop alone.
	lost   uint64
	looked bool
}

// settledCount is what became of records since somebody was told.
type settledCount struct {
	accepted, dead, resent uint64
	ids                    []store.ID // the first accepted
	refused                []diag.DeadLetter
}

func newWatch(a *Agent) *watch {
	return &watch{agent: a, events: diag.NewEvents(), history: newHistory(diag.MaxHistory)}
}

// told returns the hooks of the agent's parts, which tell other too.
func (w *watch) told(other Watch) Watch {
	return Watch{
		Reading: func(r sensors.Reading, t store.Ticket) {
			if w.events.Wanted(diag.EventReading) {
				w.reading(r, t)
			}
			if other.Reading != nil {
				other.Reading(r, t)
			}
		},
		Settled: func(s uplink.Settlement) {
			w.count(s)
			if other.Settled != nil {
				other.Settled(s)
			}
		},
		Command: func(r c2d.Report) {
			w.command(r)
			if other.Command != nil {
				other.Command(r)
			}
		},
		Link: func(s uplink.LinkState) {
			if w.events.Wanted(diag.EventLink) {
				link := linkOf(s)
				w.publish(diag.Event{Type: diag.EventLink, Link: &link})
			}
			if other.Link != nil {
				other.Link(s)
			}
		},
		Commit: other.Commit,
	}
}

func (w *watch) publish(ev diag.Event) {
	ev.At = w.agent.parts.Clock.Now().Wall
	w.events.Publish(ev)
}

func (w *watch) reading(r sensors.Reading, t store.Ticket) {
	at, uncertainty := w.agent.timeline.Resolve(r.Stamp)
	ev := diag.EventOfReading{Sensor: r.Sensor, At: at, UncertaintyS: uncertainty.Seconds(), Values: valuesOf(r)}
	if ids := t.IDs(); len(ids) > 0 {
		ev.MessageID = ids[0].String()
	}
	w.publish(diag.Event{Type: diag.EventReading, Reading: &ev})
}

// command tells both ends of a command. One that is rejected before it begins has
// only the second.
func (w *watch) command(r c2d.Report) {
	if !w.events.Wanted(diag.EventCommand) {
		return
	}
	ev := diag.EventOfCommand{MessageID: r.MessageID, Name: r.Name, Door: r.Door}
	switch r.Step {
	case c2d.StepExecute:
		ev.Step = "begun"
	case c2d.StepSettle:
		ev.Step, ev.Outcome, ev.Condition, ev.Reason = "finished", r.Outcome, r.Condition, r.Reason
		ev.DurationS, ev.Again = r.Duration.Seconds(), r.Again
	default:
		return
	}
	w.publish(diag.Event{Type: diag.EventCommand, Command: &ev})
}

// count is on the way of every record: it only counts, unless somebody looks.
func (w *watch) count(s uplink.Settlement) {
	if !w.events.Wanted(diag.EventSettled) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.settled
	switch s.Outcome {
	case uplink.OutcomeAccepted:
		c.accepted++
		if len(c.ids) < diag.MaxEventIDs {
			c.ids = append(c.ids, s.ID)
		}
	case uplink.OutcomeDead:
		c.dead++
		if len(c.refused) < diag.MaxEventIDs {
			d := diag.DeadLetter{MessageID: s.ID.String(), Class: s.ID.Class.String()}
			if s.Cause != nil {
				d.Cause = s.Cause.Error()
			}
			c.refused = append(c.refused, d)
		}
	case uplink.OutcomeGivenBack:
		c.resent++
	}
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) error {
	for next := time.Now(); ; {
		if now := time.Now(); !now.Before(next) {
			w.look()
			next = now.Add(lookEvery)
		}
		every := lookEvery
		if w.events.Wanted(diag.EventSettled) {
			w.tellSettled()
			every = settleEvery
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(every, max(0, time.Until(next)))):
		}
	}
}

// tellSettled tells what was counted, if anything was.
func (w *watch) tellSettled() {
	w.mu.Lock()
	c := w.settled
	w.settled = settledCount{}
	w.mu.Unlock()
	ev := diag.EventOfSettled{Accepted: c.accepted, Dead: c.dead, Resent: c.resent, Lost: w.newlyLost(), Refused: c.refused}
	if ev.Accepted+ev.Dead+ev.Resent+ev.Lost == 0 {
		return
	}
	for _, id := range c.ids {
		ev.MessageIDs = append(ev.MessageIDs, id.String())
	}
	w.publish(diag.Event{Type: diag.EventSettled, Settled: &ev})
}

// newlyLost is how many records were lost since it was asked last. What was lost
// before the store was open was lost in another life.
func (w *watch) newlyLost() uint64 {
	stats := w.agent.store.Stats()
	if !stats.Ready {
		return 0
	}
	lost := queueOf(stats).Lost
	new := lost - min(lost, w.lost)
	if !w.looked {
		new = 0
	}
	w.lost, w.looked = lost, true
	return new
}

// look finds what has changed, keeps it, and tells it.
func (w *watch) look() {
	a := w.agent
	status, now := a.Status(), a.parts.Clock.Now()
	a.seen.Store(&status)
	a.show(status)
	stamp := diag.Change{At: now.Wall, UptimeS: status.Agent.UptimeS}
	for _, c := range w.history.look(stamp, status.Chain, a.sensorStates()) {
		ev := diag.Event{Type: diag.EventPart, Part: &c}
		if c.Sensor != "" {
			ev = diag.Event{Type: diag.EventSensor, Sensor: &c}
		}
		w.publish(ev)
	}
	if !w.events.Wanted(diag.EventSettled) {
		w.newlyLost()
	}
	if w.events.Wanted(diag.EventQueue) {
		q := diag.EventOfQueue{Depth: status.Queue.Depth, OldestAgeS: status.Queue.OldestAgeS, AtRiskS: status.AtRiskS, InFlight: status.Uplink.InFlight}
		for _, c := range status.Queue.ByClass {
			q.Bytes += c.Bytes
		}
		w.publish(diag.Event{Type: diag.EventQueue, Queue: &q})
	}
}
