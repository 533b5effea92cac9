package c2d

import (
	"sync"
	"time"

	"fieldpost/store"
)

// remembered is how many commands memory keeps; the hub queues at most 50 per device.
const remembered = 256

// memory is what the process itself knows of recent commands. It is a help, not
// a promise: the journal decides.
type memory struct {
	mu       sync.Mutex
	attempts map[string]*attempt // by identity, what is between receive and settle
	past     map[string]*past    // by identity
	order    []string            // identities of past, oldest first
	promised map[string]bool     // identities whose result this very process has promised: it is about to end
}

type past struct {
	outcome     store.Outcome // Pending while there is none
	releases    int
	orphanSince time.Time // when it was first found to be an orphan
	unwritten   *result   // what it came to, while the journal did not take that; nil = nothing
}

// attempt is one command on its way. Further deliveries of it wait for its end.
type attempt struct {
	done chan struct{}
	end  ending // valid once done is closed
}

// join returns the attempt for an identity, and whether the caller began it.
func (m *memory) join(identity string) (a *attempt, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.attempts[identity]; a != nil {
		return a, false
	}
	a = &attempt{done: make(chan struct{})}
	m.attempts[identity] = a
	return a, true
}

// conclude ends an attempt and keeps its outcome, or the count of its releases.
func (m *memory) conclude(identity string, a *attempt, e ending) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.past[identity]
	if p == nil {
		p = &past{}
		m.past[identity] = p
		m.order = append(m.order, identity)
		if len(m.order) > remembered {
			delete(m.past, m.order[0])
			m.order = m.order[1:]
		}
	}
	switch e.kind {
	case abandoned:
		p.releases++
		if e.orphan && p.orphanSince.IsZero() {
			p.orphanSince = time.Now()
		}
	case decided:
		p.outcome, p.unwritten = e.outcome, nil
	case undecided:
		p.unwritten = e.unwritten
	}
	delete(m.attempts, identity)
	a.end = e
	close(a.done)
}

// promise remembers that a result becomes due by this process.
func (m *memory) promise(identity string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.promised[identity] = true
}

// isPromised tells whether a result is due by this process and no earlier one.
func (m *memory) isPromised(identity string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.promised[identity]
}

// recall returns the outcome of a command and how often it was released.
func (m *memory) recall(identity string) (store.Outcome, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.past[identity]; p != nil {
		return p.outcome, p.releases
	}
	return store.Outcome{}, 0
}

// unwritten returns what a command came to that the journal knows as begun.
func (m *memory) unwritten(identity string) *result {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.past[identity]; p != nil {
		return p.unwritten
	}
	return nil
}

func (m *memory) orphanSince(identity string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.past[identity]; p != nil {
		return p.orphanSince
	}
	return time.Time{}
}
