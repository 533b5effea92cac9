package main

import (
	"sync"

	"fieldpost/internal/service"
)

// demoFacts is what was seen so far: by the service side with its own eyes, and
// of the agent what its watchers are told.
type demoFacts struct {
	mu          sync.Mutex
	changed     chan struct{}       // closed and replaced at every change
	settled     int                 // answers the agent got for records
	settlements map[string][]string // outcomes the agent settled with, by command message-id
	delivered   map[string]bool     // message-ids read from the hub's log
	duplicates  int
	logged      map[logPlace]bool
	feedback    map[string]string // status by command message-id
}

// logPlace is where an event stands in the hub's log; a reader that came back
// after the outage reads from the start and must not count an event twice.
type logPlace struct {
	partition string
	sequence  int64
}

func newDemoFacts() *demoFacts {
	return &demoFacts{
		changed:     make(chan struct{}),
		settlements: map[string][]string{},
		delivered:   map[string]bool{},
		logged:      map[logPlace]bool{},
		feedback:    map[string]string{},
	}
}

func (f *demoFacts) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// look calls what under the lock and returns a channel that tells of the next change.
func (f *demoFacts) look(what func()) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
	return f.changed
}

// event takes an event in and reports whether it stands at a new place of the log.
func (f *demoFacts) event(e service.Event) (isNew bool) {
	place := logPlace{e.Partition, e.SequenceNumber}
	f.update(func() {
		if f.logged[place] {
			return
		}
		isNew = true
		f.logged[place] = true
		if f.delivered[e.MessageID] {
			f.duplicates++
		}
		f.delivered[e.MessageID] = true
	})
	return isNew
}

// record takes a feedback record in and reports whether it is new.
func (f *demoFacts) record(r service.FeedbackRecord) (isNew bool) {
	f.update(func() {
		_, known := f.feedback[r.MessageID]
		isNew = !known
		f.feedback[r.MessageID] = r.Status
	})
	return isNew
}
