package hub

import (
	"math/rand/v2"
	"sync"
	"time"
)

// activeFault is a fault of this hub: when it strikes next, how often it has, and
// whom it holds.
type activeFault struct {
	Fault
	id  int
	set *faultSet

	mu      sync.Mutex
	random  *rand.Rand
	armed   bool // after has passed
	over    bool // for has passed, or it is healed, or spent
	seen    int  // occasions: before it is armed those of after, then those of every
	begun   int  // strikes, those under way included
	struck  int
	next    time.Time // not before: every by the clock
	tokens  float64   // of rate
	filled  time.Time // when tokens was true
	changed chan struct{}
	targets map[faultTarget]struct{} // an event's: those it has struck; else those it holds
	timers  []*time.Timer
}

func newActiveFault(f Fault, id int, set *faultSet) *activeFault {
	return &activeFault{
		Fault: f, id: id, set: set,
		random:  rand.New(rand.NewPCG(f.seed, 0)),
		changed: make(chan struct{}),
		targets: make(map[faultTarget]struct{}),
	}
}

func (a *activeFault) isOver() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

func (a *activeFault) state() FaultStatus {
	state, _ := a.watch()
	return state
}

func (a *activeFault) watch() (FaultStatus, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return FaultStatus{ID: a.id, Fault: a.Fault, Struck: a.struck, Over: a.over}, a.changed
}

// change tells those who wait; the caller holds mu.
func (a *activeFault) change() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// start begins with the first clause of time.
func (a *activeFault) start() {
	a.mu.Lock()
	if a.kind == nil {
		a.over = true
	}
	if a.over || a.after.n > 0 {
		a.mu.Unlock()
		return
	}
	if a.after.d > 0 {
		a.timers = append(a.timers, time.AfterFunc(a.after.d, a.arm))
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	a.arm()
}

// arm follows the end of after; for begins.
func (a *activeFault) arm() {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	a.armLocked()
	a.mu.Unlock()
	switch {
	case a.kind.turn != nil:
		if a.strikes() {
			a.kind.turn(a.set)
			a.tell()
		}
	case a.kind.begin != nil && !a.byMessage() && a.every.d == 0:
		a.sweep()
		if a.once() && a.state().Struck > 0 {
			a.finish()
		}
	}
}

func (a *activeFault) armLocked() {
	a.armed, a.seen = true, 0
	if a.during > 0 {
		a.timers = append(a.timers, time.AfterFunc(a.during, a.finish))
	}
	if a.every.d > 0 {
		a.next = time.Now().Add(a.every.d)
		if a.kind.begin != nil {
			var tick *time.Timer
			tick = time.AfterFunc(a.every.d, func() {
				a.sweep()
				a.mu.Lock()
				defer a.mu.Unlock()
				if !a.over {
					tick.Reset(a.every.d)
				}
			})
			a.timers = append(a.timers, tick)
		}
	}
}

// strikes counts one occasion and reports whether the fault strikes at it. Who
// is told so acts, and calls tell.
func (a *activeFault) strikes() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	if !a.armed {
		if a.after.n == 0 {
			return false
		}
		if a.seen < a.after.n {
			a.seen++
			return false
		}
		a.armLocked()
	}
	a.seen++
	if a.every.n > 0 && a.seen%a.every.n != 0 {
		return false
	}
	if a.p > 0 && a.random.Float64() >= a.p {
		return false
	}
	if a.every.d > 0 {
		now := time.Now()
		if now.Before(a.next) {
			return false
		}
		a.next = now.Add(a.every.d)
	}
	return a.take()
}

// take begins one strike if there is one left; the caller holds mu.
func (a *activeFault) take() bool {
	if a.count > 0 && a.begun >= a.count {
		return false
	}
	a.begun++
	return true
}

// tell ends one strike. A fault that has spent its last one is over, unless it
// lasts.
func (a *activeFault) tell() {
	a.mu.Lock()
	a.struck++
	a.change()
	spent := a.count > 0 && a.struck >= a.count && a.kind.end == nil && a.kind.turn == nil
	spent = spent || a.once() && a.byMessage()
	a.mu.Unlock()
	if spent {
		a.finish()
	}
}

// finish ends the fault and lets go of those it holds.
func (a *activeFault) finish() {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	a.over = true
	a.change()
	for _, t := range a.timers {
		t.Stop()
	}
	held := a.targets
	a.targets = nil
	a.mu.Unlock()
	a.set.republish()
	if a.kind == nil {
		return
	}
	if a.kind.turn != nil {
		a.kind.turn(a.set)
	}
	if a.kind.end != nil {
		for t := range held {
			a.kind.end(a, t)
		}
	}
}
