package hub

import (
	"strconv"
	"strings"
	"time"
)

// Fault is one way in which the hub misbehaves: what it does, to whom, when and
// for how long. ParseFault makes one of a line; the zero value is no fault.
// Lines that mean the same make faults with the same String.
type Fault struct {
	kind *faultKind
	line string // of String

	links      linkKinds // 0 means the usual ones of the kind
	device     string    // "" is everyone
	connection int       // number of the connection, from 1; 0 is any

	after  moment        // zero: at once
	every  moment        // zero: each time
	p      float64       // probability; 0 is 1
	seed   uint64        // of p and of garbage
	during time.Duration // 0: until it is healed
	count  int           // strikes; 0: no limit

	faultArgs
}

// faultArgs are the parameters of one kind of fault or another.
type faultArgs struct {
	by          time.Duration
	rate        float64 // messages per second
	status      int32
	bytes       int
	condition   string
	description string
	to          string // host:port
	how         string // one of the kind's words
	unusual     bool   // logged where that is not usual for the kind, or not logged
	never       bool
	fresh       bool // connections made meanwhile too
}

// moment counts messages or measures time; one of the two is 0.
type moment struct {
	n int
	d time.Duration
}

func (m moment) String() string {
	if m.n > 0 {
		return strconv.Itoa(m.n)
	}
	return m.d.String()
}

// Name returns the first word of the line, "" for no fault.
func (f Fault) Name() string {
	if f.kind == nil {
		return ""
	}
	return f.kind.name
}

// String returns the line in its shortest form; ParseFault makes the same fault
// of it.
func (f Fault) String() string { return f.line }

// once reports whether it is over after its first strikes: an event with neither
// repetition nor limit.
func (f *Fault) once() bool {
	return f.kind.event() && f.every == (moment{}) && f.p == 0 && f.during == 0 && f.count == 0
}

// byMessage reports whether messages are what after, every and p count, for a
// kind that strikes links and connections.
func (f *Fault) byMessage() bool {
	return f.kind.begin != nil && (f.after.n > 0 || f.every.n > 0 || f.p > 0)
}

// struckLinks are the kinds of links it strikes, or whose messages it counts.
func (f *Fault) struckLinks() linkKinds {
	if f.links != 0 {
		return f.links
	}
	return f.kind.usual
}

// concerns reports whether the fault is about this device or module; a fault of
// a device is one of its modules too.
func (f *Fault) concerns(identity string) bool {
	return f.device == "" || f.device == identity || strings.HasPrefix(identity, f.device+"/")
}
