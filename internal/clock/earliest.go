package clock

import (
	"sync"
	"time"
)

// Earliest is the earliest moment that the present can be, whatever the wall
// clock says: the date of the build, the newest time that was ever vouched for,
// or the beginning of a certificate's life. It goes on with the monotonic clock
// and only moves forward. It is safe for concurrent use.
type Earliest struct {
	mu  sync.Mutex
	at  time.Time // no monotonic part
	set time.Time // when, monotonic
}

// Present returns the best guess of the present that is not too early: the wall
// clock when it is synced, else the later of wall clock and floor.
func (e *Earliest) Present(s Stamp) time.Time {
	if at := e.At(); s.Trust != TrustSynced && s.Wall.Before(at) {
		return at
	}
	return s.Wall
}

// NewEarliest returns a floor under the present at the given time; the zero time
// is no floor.
func NewEarliest(at time.Time) *Earliest {
	return &Earliest{at: at.UTC().Round(0), set: time.Now()}
}

// At returns the earliest moment that the present can be.
func (e *Earliest) At() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now()
}

func (e *Earliest) now() time.Time { return e.at.Add(time.Since(e.set)) }

// Raise says that at has passed, and reports whether that was news.
func (e *Earliest) Raise(at time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !at.After(e.now()) {
		return false
	}
	e.at, e.set = at.UTC().Round(0), time.Now()
	return true
}

// Judge returns c with TrustNone for a plausible wall clock that reads earlier
// than the present can be. Wall stays what c says, and so does a synced clock:
// should a wrong one ever have raised the floor, a right one heals it.
func (e *Earliest) Judge(c Clock) Clock { return &judged{c, e} }

type judged struct {
	clock    Clock
	earliest *Earliest
}

// judgeSlack is how far a clock may run behind the floor it has raised itself.
const judgeSlack = time.Minute

// Now implements Clock.
func (j *judged) Now() Stamp {
	s := j.clock.Now()
	if s.Trust == TrustPlausible && s.Wall.Before(j.earliest.At().Add(-judgeSlack)) {
		s.Trust = TrustNone
	}
	return s
}
