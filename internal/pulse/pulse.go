// Package pulse tells whether a loop still comes round.
//
// The loop says what it is about to do: [Pulse.Beat] when it goes to work, and
// [Pulse.Rest] when it waits on purpose. Whoever looks after it asks [Pulse.Late].
// A loop that hangs while it holds a lock of its own can still be asked: a Pulse
// has a lock that is never held for longer than a copy takes.
//
// The package is a leaf, and goes by the monotonic clock.
package pulse

import (
	"sync"
	"time"
)

// Pulse is that of one loop. The zero value is one that nobody waits for. It is
// safe for concurrent use.
type Pulse struct {
	mu  sync.Mutex
	due time.Time // when the loop should be heard of; zero = never
}

// Beat says that the loop works from now on, which takes moments.
func (p *Pulse) Beat() { p.Rest(time.Now()) }

// Rest says that the loop waits until then at most; the zero time is for as long as
// nothing comes, and for a loop that has ended.
func (p *Pulse) Rest(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = until
}

// Late returns for how long the loop should have been heard of, 0 while it is in
// time.
func (p *Pulse) Late() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() {
		return 0
	}
	return max(time.Since(p.due), 0)
}
