package wifi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	joinWithin  = 20 * time.Second
	scanWithin  = 30 * time.Second
	joinPoll    = time.Second
	stayPoll    = 5 * time.Second
	firstWait   = 5 * time.Second
	longestWait = time.Minute

	// steady is how long a network must last for the next loss to be a new one.
	steady = time.Minute

	// addressWithin is how long a network may leave us without an address before that
	// is told.
	addressWithin = 30 * time.Second

	sayAgain   = time.Hour
	mostErrors = 3 // in a row, before a network counts as lost
	mostListed = 6 // networks in a line
)

// kernel is the board's radio, as the kernel shows it.
type kernel interface {
	// ready has the radio up, and says for a person why there is none.
	ready(ctx context.Context) error
	// joined is the access point that lets us in; nil = none.
	joined() (*accessPoint, error)
	// join begins to join.
	join(name, password string) error
	leave() error
	// scan looks for what is in sight.
	scan(ctx context.Context) ([]accessPoint, error)
}

// errNoWPA2 is join's error when the driver leaves the handshake to others.
var errNoWPA2 = errors.New("this radio's driver cannot join with a password by itself: only an open network can be used here")

// accessPoint is one in sight.
type accessPoint struct {
	name   string
	signal int // dBm
	mhz    int
	guards []string // how it lets somebody in, in the words of its beacon; empty = open, or older than WPA2
	wpa2   bool     // a password and AES are among them
}

// station keeps the radio joined.
type station struct {
	name, password string
	radio          kernel
	say            func(...any)
	lease          func(context.Context)         // gets and keeps an address until ctx ends
	address        func() (have, trouble string) // the address, and what the last try for one came to

	last   string // what was said, and when
	lastAt time.Time
}

// run joins, stays, and joins again, until ctx ends.
func (s *station) run(ctx context.Context) error {
	wait := firstWait
	for {
		if s.enter(ctx) {
			began := time.Now()
			s.stay(ctx)
			if time.Since(began) >= steady {
				wait = firstWait
			}
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, longestWait)
		case <-ctx.Done():
			return nil
		}
	}
}

// tell says what is the case when that has changed, or was said an hour ago. Details
// are no change.
func (s *station) tell(what, detail string) {
	if what == s.last && time.Since(s.lastAt) < sayAgain {
		return
	}
	s.last, s.lastAt = what, time.Now()
	s.say(what + detail)
}

// enter tries once to join, and tells what hinders.
func (s *station) enter(ctx context.Context) bool {
	if err := s.radio.ready(ctx); err != nil {
		if ctx.Err() == nil {
			s.tell(err.Error(), "")
		}
		return false
	}
	if s.inside() {
		return true
	}
	_ = s.radio.leave() // whatever else it was joined to, or still tries to join
	if err := s.radio.join(s.name, s.password); err != nil {
		s.tell(fmt.Sprintf("cannot join %q: %v", s.name, err), "")
		return false
	}
	for late := time.After(joinWithin); ; {
		select {
		case <-time.After(joinPoll):
		case <-ctx.Done():
			return false
		case <-late:
			_ = s.radio.leave()
			s.explain(ctx)
			return false
		}
		if s.inside() {
			return true
		}
	}
}

// inside reports whether the radio is joined to our network.
func (s *station) inside() bool {
	at, err := s.radio.joined()
	return err == nil && at != nil && at.name == asShown(s.name)
}

// asShown is a name as the library that scans shows it.
func asShown(name string) string { return string([]rune(name)) }

// explain tells why we are not let in, as far as what is in sight can tell.
func (s *station) explain(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, scanWithin)
	defer stop()
	seen, err := s.radio.scan(ctx)
	if err != nil {
		s.tell(fmt.Sprintf("cannot join %q, and cannot look what is in sight: %v", s.name, err), "")
		return
	}
	s.tell(s.hindrance(seen))
}

// hindrance is why we are not let in, and a detail of it.
func (s *station) hindrance(seen []accessPoint) (what, detail string) {
	slices.SortFunc(seen, func(a, b accessPoint) int { return b.signal - a.signal })
	ours := slices.DeleteFunc(slices.Clone(seen), func(a accessPoint) bool { return a.name != asShown(s.name) })
	if len(ours) == 0 {
		return fmt.Sprintf("no network %q in sight", s.name), "; " + list(seen)
	}
	detail = fmt.Sprintf("; its signal is %d dBm here", ours[0].signal)
	guarded := slices.ContainsFunc(ours, func(a accessPoint) bool { return len(a.guards) > 0 })
	wpa2 := slices.ContainsFunc(ours, func(a accessPoint) bool { return a.wpa2 })
	switch {
	case s.password == "" && guarded:
		return fmt.Sprintf("%q wants a password: provision %s", s.name, PasswordFile), detail
	case s.password == "":
		return fmt.Sprintf("%q is in sight and does not let this gateway in", s.name), detail
	case !guarded:
		return fmt.Sprintf("%q does not offer WPA2, which alone is used with %s: it is open, or older than that", s.name, PasswordFile), detail
	case !wpa2:
		return fmt.Sprintf("%q does not offer WPA2 with a password and AES, which alone is supported, but %s", s.name, strings.Join(ours[0].guards, ", ")), detail
	}
	return fmt.Sprintf("%q is in sight and does not let this gateway in: the password is wrong, or the access point keeps it out", s.name), detail
}

// list names the strongest networks.
func list(seen []accessPoint) string {
	var names []string
	for _, a := range seen {
		if name := fmt.Sprintf("%q", a.name); a.name != "" && !slices.Contains(names, name) && len(names) < mostListed {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nor any other"
	}
	return "strongest here: " + strings.Join(names, ", ")
}

// stay keeps an address for as long as the network lasts.
func (s *station) stay(ctx context.Context) {
	at, err := s.radio.joined()
	if err == nil && at != nil {
		s.tell(fmt.Sprintf("joined %q", s.name), fmt.Sprintf(", %d dBm, %d MHz", at.signal, at.mhz))
	}
	within, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); s.lease(within) }()
	defer func() { stop(); <-ended }()
	failed := 0
	for began := time.Now(); ; {
		if have, trouble := s.address(); have != "" {
			s.tell("address "+have, "")
		} else if time.Since(began) >= addressWithin {
			s.tell(fmt.Sprintf("joined %q, and no address: no DHCP server of that network has given one", s.name), trouble)
		}
		select {
		case <-time.After(stayPoll):
		case <-ctx.Done():
			return
		}
		at, err := s.radio.joined()
		switch {
		case err != nil && failed < mostErrors:
			failed++
		case err != nil:
			s.tell(fmt.Sprintf("lost %q: %v", s.name, err), "")
			return
		case at == nil || at.name != asShown(s.name):
			s.tell(fmt.Sprintf("lost %q", s.name), "")
			return
		default:
			failed = 0
		}
	}
}
