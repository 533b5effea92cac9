package c2d

import (
	"context"
	"encoding/json"
	"time"

	"fieldpost/internal/http1"
	"fieldpost/store"
)

// answerMargin is kept of the time that a caller waits: for an action to notice
// that its context has ended, and for the journal.
const answerMargin = courtesy + time.Second

// Request is a command whose sender waits for the answer: a direct method, or
// somebody at the technician's socket.
type Request struct {
	Door   string        // DoorMethods or DoorLocal
	ID     string        // what makes two requests the same command; at most 128 bytes, not empty
	Fresh  bool          // ID was made for this request: a journal that is lost cannot have had it
	Name   string        // of the command
	Args   []byte        // a JSON object; empty or null = no arguments
	Within time.Duration // the answer is there by then; default Options.AnswerIn, at least 3 s
}

// Answer is what the sender of a Request is told.
type Answer struct {
	Status    int             `json:"-"`                   // 200, 400, 403, 404, 409, 500 or 504, with the meaning they have in HTTP
	MessageID string          `json:"message_id"`          // Request.ID
	Outcome   string          `json:"outcome"`             // "completed", "rejected", "abandoned": not begun; "unknown": begun
	Result    json.RawMessage `json:"result,omitempty"`    // when completed
	Condition string          `json:"condition,omitempty"` // when rejected
	Error     string          `json:"error,omitempty"`     // when not completed, or why there is no result
	Again     bool            `json:"again,omitempty"`     // the outcome is that of an earlier request with this id
}

// Do carries out a command as Serve does, with the same checks and the same
// journal, and returns what to tell its sender. The caller tells it and then calls
// told, which does what the action wanted done afterwards. A command that cannot
// begin is held for half of Within. One that still runs when Within has passed is
// answered with 504 and goes on to its outcome; its result record tells it.
func (l *Loop) Do(ctx context.Context, r Request) (answer Answer, told func()) {
	if r.Within <= 0 {
		r.Within = l.opt.AnswerIn
	}
	r.Within = max(r.Within, answerMargin+time.Second)
	now := time.Now()
	m := &message{
		door: r.Door, fresh: r.Fresh, enqueued: l.opt.Clock.Now().Wall, received: now,
		holdUntil:  now.Add(min(l.opt.Hold, r.Within/2)),
		lockUntil:  now.Add(r.Within),
		deadline:   now.Add(r.Within - answerMargin),
		hasCommand: true, command: r.Name, body: r.Args,
	}
	if m.id, m.problem = messageID(r.ID); m.id == "" {
		m.id, m.problem = "none", "the request has no id"
	}
	if string(m.body) == "null" {
		m.body = nil
	}
	c, carry := l.begin(m)
	ended := make(chan ending, 1)
	go func() { ended <- carry(ctx) }()
	wait := time.NewTimer(time.Until(m.lockUntil))
	defer wait.Stop()
	select {
	case e := <-ended:
		return l.answer(c, e), func() { l.told(c, e) }
	case <-wait.C:
		go func() { l.told(c, <-ended) }() // Shutdown waits for it
		return Answer{
			Status: http1.StatusGatewayTimeout, MessageID: c.label, Outcome: "unknown", Condition: ConditionTimedOut,
			Error: "no outcome in time; the result record will tell it",
		}, func() {}
	}
}

func (l *Loop) told(c *command, e ending) {
	l.at(PointSettled, c)
	l.after(c, e)
}

// answer is an ending in the words of the other doors.
func (l *Loop) answer(c *command, e ending) Answer {
	rep := Report{Step: StepSettle, Reason: e.reason, Duration: e.duration, Again: e.again}
	a := Answer{Status: http1.StatusInternalServerError, MessageID: c.label, Outcome: "unknown", Error: e.reason, Again: e.again}
	switch {
	case e.kind == undecided:
		l.count.unsettled.Add(1)
	case e.kind == abandoned:
		l.count.abandoned.Add(1)
		a.Outcome, rep.Outcome = "abandoned", "abandoned"
		if e.busy {
			a.Status, a.Condition = http1.StatusConflict, ConditionBusy
		}
	case e.outcome.Verdict == store.Completed:
		a.Status, a.Outcome, rep.Outcome = http1.StatusOK, "completed", "completed"
		a.Result, a.Error = e.value, e.note
	default:
		a.Status, a.Outcome, rep.Outcome = statusOf(e.outcome.Condition), "rejected", "rejected"
		a.Condition, a.Error = e.outcome.Condition, e.outcome.Reason
		rep.Condition, rep.Reason = a.Condition, a.Error
	}
	if e.again {
		l.count.again.Add(1)
	}
	l.report(c, rep)
	return a
}

// statusOf is the status for the condition of a rejection.
func statusOf(condition string) int {
	switch condition {
	case ConditionDecode, ConditionInvalid:
		return http1.StatusBadRequest
	case ConditionNotAllowed:
		return http1.StatusForbidden
	case ConditionNotFound:
		return http1.StatusNotFound
	case ConditionBusy, ConditionInterlock, ConditionExpired:
		return http1.StatusConflict
	case ConditionTimedOut:
		return http1.StatusGatewayTimeout
	default:
		return http1.StatusInternalServerError
	}
}
