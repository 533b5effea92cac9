package uplink

import (
	"slices"
	"time"
)

// Phases of a Link.
const (
	PhaseClock       = "clock"       // the first attempt waits for a clock that is vouched for
	PhaseNoIdentity  = "no-identity" // LinkOptions.Identity has nothing usable to say
	PhaseDialing     = "dialing"     // DNS, TCP, TLS, AMQP open
	PhaseAuthorizing = "authorizing" // token at $cbs
	PhaseOnline      = "online"      // tenants are served
	PhaseWaiting     = "waiting"     // until NextAttempt
)

// Causes: the part of the chain that is broken.
const (
	CauseNetwork  = "network"  // the hub is not reached, or the connection broke
	CauseIdentity = "identity" // no identity, wrong key, unknown device, wrong CA, clock
	CauseHub      = "hub"      // the hub is reached and says no for now
)

// LinkState is how a Link is at one moment.
type LinkState struct {
	Phase       string        // one of the Phase constants
	Since       time.Time     // when that phase began
	NextAttempt time.Time     // set while waiting
	Transport   string        // one of the Transport constants, of the last connection that was made; empty before
	Connects    uint64        // times the link came online
	Failures    uint64        // attempts that failed and connections that broke
	Renewals    uint64        // tokens put after the first of a connection
	Rebuilds    uint64        // connections given up because nothing moved on them
	Abandoned   int           // calls that have not returned long after their deadline
	Twice       uint64        // times another client with this identity was noticed
	TwiceAt     time.Time     // when that was last; zero when it never was
	LastError   string        // why the last attempt failed or the last connection broke; empty while all is well
	Cause       string        // one of the Cause constants, of LastError
	Hint        string        // the next move for a person, of LastError; may be empty
	Tenants     []TenantState // while online, in the order given to NewLink
}

// TenantState is how one tenant is.
type TenantState struct {
	Name        string
	Serving     bool      // has a session; false while it waits for its next one
	NextAttempt time.Time // when it gets its next session; set while it waits for that over a connection that lives
	Restarts    uint64    // sessions that ended before the connection did, since NewLink
	LastError   string    // why the last session ended; empty once one was good for StableAfter
	Cause       string    // one of the Cause constants, of LastError
	Hint        string    // of LastError
}

// State returns how the link is now.
func (l *Link) State() LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.clone()
}

func (s LinkState) clone() LinkState {
	s.Tenants = slices.Clone(s.Tenants)
	return s
}

// change applies f to the state and tells OnState, one change after the other.
func (l *Link) change(f func(*LinkState)) {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	f(&l.state)
	now := l.state.clone()
	l.mu.Unlock()
	if l.opts.OnState != nil {
		l.opts.OnState(now)
	}
}

func (l *Link) enter(phase string) {
	l.change(func(s *LinkState) {
		s.Phase, s.Since, s.NextAttempt = phase, time.Now(), time.Time{}
		if phase == PhaseOnline {
			s.Connects++
			s.LastError, s.Cause, s.Hint = "", "", ""
		}
		for i := range s.Tenants {
			s.Tenants[i].Serving = false
		}
	})
}
