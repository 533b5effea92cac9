package diag

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
)

// What waits for one reader of events at most.
const (
	maxWaitingEvents = 256
	maxWaitingBytes  = 64 << 10
)

// Events hands what happens to whoever follows it. Publish never waits for a
// reader: one that is slow loses events, and is told how many.
type Events struct {
	mu      sync.Mutex
	last    uint64 // id given last
	readers map[*follower]struct{}
	wanted  atomic.Pointer[[]string] // types that somebody follows
}

// NewEvents makes one that nobody follows yet.
func NewEvents() *Events { return &Events{readers: map[*follower]struct{}{}} }

// Wanted reports whether anybody follows events of one of these types, so that
// what nobody sees need not be made.
func (e *Events) Wanted(types ...string) bool {
	wanted := e.wanted.Load()
	return wanted != nil && slices.ContainsFunc(types, func(t string) bool { return slices.Contains(*wanted, t) })
}

// Publish gives ev its id and hands it to those who follow its type.
func (e *Events) Publish(ev Event) {
	if !e.Wanted(ev.Type) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	ev.ID = e.last
	data, err := json.Marshal(ev)
	if err != nil {
		return // a reader sees the gap
	}
	for f := range e.readers {
		if slices.Contains(f.types, ev.Type) {
			f.put(waitingEvent{ev.ID, ev.Type, data})
		}
	}
}

// waitingEvent is an event on its way to a reader; data is shared among them.
type waitingEvent struct {
	id   uint64
	kind string
	data []byte
}

// follower is one reader. Its fields belong to Events.mu.
type follower struct {
	types   []string
	waiting []waitingEvent
	bytes   int
	dropped uint64
	missed  uint64        // id of the event dropped last
	ready   chan struct{} // holds one when there is something to take
}

func (e *Events) follow(types []string) *follower {
	f := &follower{types: types, ready: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.readers[f] = struct{}{}
	e.count()
	return f
}

func (e *Events) leave(f *follower) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.readers, f)
	e.count()
}

func (e *Events) count() {
	var wanted []string
	for f := range e.readers {
		wanted = append(wanted, f.types...)
	}
	e.wanted.Store(&wanted)
}

// put drops the new event rather than an old one: what is in order so far stays
// so, and the gap is in one place.
func (f *follower) put(w waitingEvent) {
	if f.dropped > 0 || len(f.waiting) >= maxWaitingEvents || f.bytes+len(w.data) > maxWaitingBytes {
		f.dropped++
		f.missed = w.id
	} else {
		f.waiting = append(f.waiting, w)
		f.bytes += len(w.data)
	}
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// take empties what waits; at its end stands how much was dropped behind it.
func (e *Events) take(f *follower) []waitingEvent {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := f.waiting
	if f.dropped > 0 {
		data, err := json.Marshal(Event{ID: f.missed, Type: EventDropped, Dropped: &EventOfDropped{Events: f.dropped}})
		if err == nil {
			taken = append(taken, waitingEvent{f.missed, EventDropped, data})
		}
	}
	f.waiting, f.bytes, f.dropped = nil, 0, 0
	return taken
}
