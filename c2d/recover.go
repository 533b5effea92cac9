package c2d

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// lapse is how long a command that was begun and never ended waits for its hub:
// more than the two days that a hub keeps a message.
const lapse = 3 * 24 * time.Hour

// Recover ends what earlier runs have left open in the journal: it writes the
// results that were due, and rejects as interrupted the commands that nobody will
// send again. It waits for the journal to be open and returns when all is
// written, or ctx ends. The error is nil; what cannot be done is logged.
func (l *Loop) Recover(ctx context.Context) error {
	entries, err := l.opt.Journal.Open(ctx)
	if err != nil {
		l.opt.Log.Debug("journal of earlier runs not read", "err", err)
		return nil
	}
	for _, e := range entries {
		switch {
		case e.Due != "":
			l.prove(ctx, e)
		case e.Command.Door != DoorDevicebound || l.lapsed(e):
			l.interrupt(e.Command)
		}
	}
	return nil
}

// lapsed says that the hub has given a command up.
func (l *Loop) lapsed(e store.JournalEntry) bool {
	now := l.opt.Clock.Now()
	return now.Trust == clock.TrustSynced && e.Begun.After(clock.Floor) && now.Wall.Sub(e.Begun) > lapse
}

// interrupt rejects a command that an earlier run has begun, unless it is under
// way in this one.
func (l *Loop) interrupt(j store.Command) {
	key, label := identity(j)
	a, mine := l.memory.join(key)
	if !mine {
		return
	}
	c := &command{journal: j, identity: key, label: label, lockUntil: time.Now().Add(journalWrite)}
	e := l.finish(c, result{err: &RejectError{ConditionInterrupted, "interrupted: the agent ended while the command ran, it may have happened"}})
	l.memory.conclude(key, a, e)
}

// prove writes the result of a command whose effect ended an earlier process, or
// has the effect if that process ended before it.
func (l *Loop) prove(ctx context.Context, e store.JournalEntry) {
	key, label := identity(e.Command)
	if l.memory.isPromised(key) {
		return
	}
	c := &command{journal: e.Command, identity: key, label: label}
	r := l.proof(c, e.Due)
	var err error
	if r.Due == "" {
		err = l.fulfil(ctx, e.Command, label, r.Value)
	} else {
		err = persist(ctx, func() error { return l.opt.Journal.Promise(ctx, e.Command, e.Outcome, r.Due) }, nil)
	}
	if err != nil {
		l.opt.Log.Warn("result of a command is still due", "command", e.Command.Name, "message-id", label, "err", err)
		return
	}
	if r.Due != "" {
		l.after(c, ending{after: r.AfterSettle, due: true})
	}
}

func (l *Loop) proof(c *command, note string) (r Result) {
	i := slices.IndexFunc(l.table.actions, func(a Action) bool { return a.Name == c.journal.Name })
	if i < 0 || l.table.actions[i].Prove == nil {
		return Result{Value: map[string]any{"done": nil, "error": fmt.Sprintf("this agent has no command %q that could tell", c.journal.Name)}}
	}
	defer func() {
		if p := recover(); p != nil {
			r = Result{Value: map[string]any{"done": nil, "error": l.panicked(c, "Prove", p).Reason}}
		}
	}()
	return l.table.actions[i].Prove(note)
}

// fulfil writes a result that was due.
func (l *Loop) fulfil(ctx context.Context, c store.Command, label string, value any) error {
	var r result
	r.value, r.note = encode(value)
	rec := l.record(c, label, store.Outcome{Verdict: store.Completed}, r)
	return persist(ctx, func() error { return l.opt.Journal.Fulfil(ctx, c, rec) }, nil)
}
