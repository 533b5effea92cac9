package c2d

import (
	"sync/atomic"
	"time"
)

// Step is where in its life a command is.
type Step string

// The steps of a command, in their order. Hold and execute may be left out.
const (
	StepReceive Step = "receive" // a delivery came in; its name may still be unknown
	StepDecode  Step = "decode"  // name and arguments are known, or the reason why it will be rejected
	StepHold    Step = "hold"    // it cannot begin now and is held under the hub's lock
	StepExecute Step = "execute" // the action runs
	StepSettle  Step = "settle"  // the hub was told, or could not be told
)

// Point is a place where a command may be interrupted.
type Point string

// The points of a command, in their order. One that is not executed leaves some out.
const (
	PointReceived    Point = "received"     // a delivery came in
	PointDecoded     Point = "decoded"      // it is known what to do
	PointBegun       Point = "begun"        // the intent is in the journal
	PointEffectBegun Point = "effect-begun" // the action is about to run
	PointEffectDone  Point = "effect-done"  // the action has returned
	PointFinished    Point = "finished"     // the outcome is in the journal
	PointSettled     Point = "settled"      // the settlement was tried
)

func (l *Loop) at(p Point, c *command) {
	if l.opt.Failpoint != nil {
		l.opt.Failpoint(p, c.label)
	}
}

// Report tells one step of one delivery.
type Report struct {
	Step          Step
	Door          string        // one of the Door constants
	MessageID     string        // of the command, or what stands for it
	Seq           uint64        // x-opt-sequence-number
	Name          string        // of the command, empty when undecodable
	Outcome       string        // StepSettle: "completed", "rejected" or "abandoned"; empty when nothing was settled
	Condition     string        // StepDecode and StepSettle: when rejected
	Reason        string        // when rejected, abandoned, held or not settled
	Duration      time.Duration // StepSettle: of the action, 0 when none ran
	DeliveryCount int           // deliveries before this one that were given back, as the hub counts them
	Again         bool          // the outcome is the one of an earlier delivery, or of an earlier message with this message-id
	Err           error         // StepSettle: why the hub did not confirm; it will deliver the message again
}

// Stats counts since the Loop was made.
type Stats struct {
	Received  uint64 // deliveries
	Completed uint64 // commands with this outcome, each once
	Rejected  uint64 // commands with this outcome, each once
	Abandoned uint64 // deliveries given back
	Again     uint64 // deliveries settled with an outcome that stood already
	Unsettled uint64 // deliveries whose settlement the hub did not confirm, or that could not be settled
	Expired   uint64 // of Rejected: the expiry time had passed
	TimedOut  uint64 // of Rejected: the action did not return in time
	Running   int    // actions running now
	Overrun   int    // of Running: actions past their deadline that have not returned
}

type counters struct {
	received, completed, rejected, abandoned, again, unsettled, expired, timedOut atomic.Uint64
	running, overrun                                                              atomic.Int32
}

// Stats returns the counters. It never blocks.
func (l *Loop) Stats() Stats {
	n := &l.count
	return Stats{
		Received:  n.received.Load(),
		Completed: n.completed.Load(),
		Rejected:  n.rejected.Load(),
		Abandoned: n.abandoned.Load(),
		Again:     n.again.Load(),
		Unsettled: n.unsettled.Load(),
		Expired:   n.expired.Load(),
		TimedOut:  n.timedOut.Load(),
		Running:   int(n.running.Load()),
		Overrun:   int(n.overrun.Load()),
	}
}

// report fills in who the command is and hands the step out.
func (l *Loop) report(c *command, r Report) {
	if l.opt.OnCommand == nil {
		return
	}
	r.MessageID, r.Seq, r.Name, r.Door = c.label, c.journal.Seq, c.journal.Name, c.journal.Door
	r.DeliveryCount = c.deliveries
	l.opt.OnCommand(r)
}
