package c2d

import (
	"slices"
	"sync"
)

// turns lets the commands for one target run one at a time, in the order in
// which they were delivered.
type turns struct {
	mu    sync.Mutex
	lines map[string][]*ticket // by target; the first of a line has its turn
}

type ticket struct {
	target string
	ready  chan struct{} // closed when it is this ticket's turn
}

// take puts a ticket at the end of the line for target.
func (t *turns) take(target string) *ticket {
	k := &ticket{target: target, ready: make(chan struct{})}
	if target == "" {
		close(k.ready)
		return k
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines[target] = append(t.lines[target], k)
	if len(t.lines[target]) == 1 {
		close(k.ready)
	}
	return k
}

// leave takes a ticket out of its line, wherever it stands. Leaving twice is
// leaving once.
func (t *turns) leave(k *ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[k.target]
	i := slices.Index(line, k)
	switch {
	case i < 0:
		return
	case len(line) == 1:
		delete(t.lines, k.target)
		return
	case i == 0:
		close(line[1].ready)
	}
	t.lines[k.target] = slices.Delete(line, i, i+1)
}
