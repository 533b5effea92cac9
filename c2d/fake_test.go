package c2d

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// fakeClock is package time's clock, synced from the start.
type fakeClock struct{ trust clock.Trust }

func (c fakeClock) Now() clock.Stamp { return clock.Stamp{Wall: time.Now(), Trust: c.trust} }

var synced = fakeClock{clock.TrustSynced}

// fakeJournal has the semantics of store.Journal without its disk.
type fakeJournal struct {
	t       testing.TB
	mu      sync.Mutex
	entries []*fakeEntry // as begun
	results []store.Record
	begins  int
	unsure  bool
	slow    time.Duration                           // of each Begin
	fail    func(call string) (before, after error) // faults; nil = none
}

type fakeEntry struct {
	id       string
	seq      uint64
	enqueued time.Time
	outcome  store.Outcome
	due      string
	command  store.Command
}

func newFakeJournal(t testing.TB) *fakeJournal { return &fakeJournal{t: t} }

// find returns the entry of this very message, and the first with its message-id.
func (j *fakeJournal) find(c store.Command) (same, first *fakeEntry) {
	for _, e := range j.entries {
		if e.id == c.MessageID && e.seq == c.Seq && (e.id != "" || e.enqueued.Equal(c.EnqueuedAt)) {
			same = e
		}
		if e.id != "" && e.id == c.MessageID && first == nil {
			first = e
		}
	}
	return same, first
}

func (j *fakeJournal) add(c store.Command) *fakeEntry {
	e := &fakeEntry{id: c.MessageID, seq: c.Seq, enqueued: c.EnqueuedAt, command: c}
	j.entries = append(j.entries, e)
	return e
}

func (j *fakeJournal) fault(call string) (before, after error) {
	if j.fail == nil {
		return nil, nil
	}
	return j.fail(call)
}

func (j *fakeJournal) Begin(ctx context.Context, c store.Command) (store.State, error) {
	before, after := j.fault("begin")
	if before != nil {
		return store.State{}, before
	}
	j.mu.Lock()
	j.begins++
	same, first := j.find(c)
	var s store.State
	switch {
	case same == nil && first != nil:
		s = store.State{Phase: store.PhaseDuplicate, Outcome: first.outcome}
	case same == nil:
		j.add(c)
		s.Unsure = j.unsure
	case same.outcome.Verdict == store.Pending:
		s.Phase = store.PhaseStarted
	default:
		s = store.State{Phase: store.PhaseDone, Outcome: same.outcome}
	}
	j.mu.Unlock()
	select {
	case <-time.After(j.slow):
		return s, after
	case <-ctx.Done():
		return store.State{}, ctx.Err()
	}
}

func (j *fakeJournal) Finish(ctx context.Context, c store.Command, o store.Outcome, r store.Record) error {
	before, after := j.fault("finish")
	j.mu.Lock()
	defer j.mu.Unlock()
	if before != nil {
		return before
	}
	e, first := j.find(c)
	if e == nil {
		if first == nil {
			j.t.Errorf("Finish of %q without Begin", c.MessageID)
		}
		e = j.add(c)
	}
	if e.outcome.Verdict != store.Pending {
		return errors.New("it is finished already")
	}
	e.outcome = o
	j.results = append(j.results, r)
	return after
}

func (j *fakeJournal) Promise(_ context.Context, c store.Command, o store.Outcome, note string) error {
	before, after := j.fault("promise")
	j.mu.Lock()
	defer j.mu.Unlock()
	if before != nil {
		return before
	}
	e, _ := j.find(c)
	if e == nil || e.outcome.Verdict != store.Pending && e.due == "" {
		return errors.New("it is finished already")
	}
	e.outcome, e.due = o, note
	return after
}

func (j *fakeJournal) Fulfil(_ context.Context, c store.Command, r store.Record) error {
	before, after := j.fault("fulfil")
	j.mu.Lock()
	defer j.mu.Unlock()
	if before != nil {
		return before
	}
	e, _ := j.find(c)
	if e == nil || e.due == "" {
		return errors.New("no result is due")
	}
	e.due = ""
	j.results = append(j.results, r)
	return after
}

func (j *fakeJournal) Open(context.Context) (open []store.JournalEntry, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if e.outcome.Verdict == store.Pending || e.due != "" {
			open = append(open, store.JournalEntry{Command: e.command, Outcome: e.outcome, Due: e.due})
		}
	}
	return open, nil
}

func (j *fakeJournal) resultsOf(id string) []store.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []store.Record
	for _, r := range j.results {
		if r.CorrelationID == id {
			out = append(out, r)
		}
	}
	return out
}

// fakeHub is one devicebound queue with the rules of an IoT Hub: a lock, a
// delivery count that only a release raises, and a return after 0.3 s.
type fakeHub struct {
	mu      sync.Mutex
	queue   []*fakeMessage
	changed chan struct{}
	link    int // generation; a delivery of an older link cannot be settled
	up      bool
	lose    func() (before, after bool) // a settlement is lost before or after the hub has it
	silent  bool                        // settlements are not answered
	forgets bool                        // deliveries carry no count
	nextSeq uint64
}

type fakeMessage struct {
	message
	visible  time.Time // not delivered before
	lock     int       // number of the delivery that holds it
	settled  string    // "completed", "rejected", "dead"
	reason   string
	cond     string
	releases int
}

func newFakeHub() *fakeHub { return &fakeHub{changed: make(chan struct{}), up: true} }

func (h *fakeHub) wake() { close(h.changed); h.changed = make(chan struct{}) }

func (h *fakeHub) send(id, name, body string) *fakeMessage {
	return h.put(message{id: id, command: name, hasCommand: name != "", body: []byte(body)})
}

func (h *fakeHub) put(m message) *fakeMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextSeq++
	m.seq, m.enqueued = h.nextSeq, time.Now()
	f := &fakeMessage{message: m}
	h.queue = append(h.queue, f)
	h.wake()
	return f
}

var errCut = errors.New("link cut")

func (h *fakeHub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up, h.link = false, h.link+1
	h.wake()
}

func (h *fakeHub) restore() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = true
	h.wake()
}

func (h *fakeHub) outcome(f *fakeMessage) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.settled
}

func (h *fakeHub) words(f *fakeMessage) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.reason
}

func (h *fakeHub) releases(f *fakeMessage) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.releases
}

func (h *fakeHub) set(change func(*fakeHub)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// attach returns a source on the current link.
func (h *fakeHub) attach() *fakeLink {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &fakeLink{h, h.link}
}

type fakeLink struct {
	hub  *fakeHub
	link int
}

func (l *fakeLink) receive(ctx context.Context) (*message, delivery, error) {
	h := l.hub
	for {
		h.mu.Lock()
		if l.link != h.link {
			h.mu.Unlock()
			return nil, nil, errCut
		}
		next := time.Hour
		now := time.Now()
		for _, f := range h.queue {
			if f.settled != "" {
				continue
			}
			if wait := f.visible.Sub(now); wait > 0 {
				next = min(next, wait)
				continue
			}
			f.visible, f.lock = now.Add(lockFor), f.lock+1
			m := f.message
			m.door, m.received = DoorDevicebound, now
			if !h.forgets {
				m.deliveries = f.releases
			}
			d := &fakeDelivery{l, f, f.lock}
			h.mu.Unlock()
			return &m, d, nil
		}
		changed := h.changed
		h.mu.Unlock()
		t := time.NewTimer(next)
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, nil, ctx.Err()
		}
		t.Stop()
	}
}

type fakeDelivery struct {
	l    *fakeLink
	f    *fakeMessage
	lock int
}

func (d *fakeDelivery) settle(ctx context.Context, apply func()) error {
	h := d.l.hub
	h.mu.Lock()
	silent := h.silent
	h.mu.Unlock()
	if silent || ctx.Err() != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var before, after bool
	if h.lose != nil {
		before, after = h.lose()
	}
	if before || d.l.link != h.link {
		return errCut
	}
	if d.f.lock != d.lock || d.f.settled != "" || time.Now().After(d.f.visible) {
		return errors.New("amqp:not-found: lock lost")
	}
	apply()
	h.wake()
	if after {
		return errCut
	}
	return nil
}

func (d *fakeDelivery) accept(ctx context.Context) error {
	return d.settle(ctx, func() { d.f.settled = "completed" })
}

func (d *fakeDelivery) reject(ctx context.Context, condition, reason string) error {
	return d.settle(ctx, func() { d.f.settled, d.f.cond, d.f.reason = "rejected", condition, reason })
}

func (d *fakeDelivery) release(ctx context.Context) error {
	return d.settle(ctx, func() {
		d.f.lock++
		d.f.visible = time.Now().Add(300 * time.Millisecond)
		if d.f.releases++; d.f.releases >= 10 {
			d.f.settled = "dead"
		}
	})
}
