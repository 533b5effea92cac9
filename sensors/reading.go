package sensors

import (
	"time"

	"fieldpost/internal/clock"
)

// Quality says whether a value may be believed. It belongs to a value, not to a
// reading: a sensor may know its temperature and not its humidity.
type Quality byte

const (
	Good    Quality = iota // sent as it is
	Suspect                // sent and marked, with a reason
	Bad                    // counted and left out, with a reason
)

// String returns "good", "suspect" or "bad".
func (q Quality) String() string {
	switch q {
	case Suspect:
		return "suspect"
	case Bad:
		return "bad"
	default:
		return "good"
	}
}

// Value is one number that a sensor gave.
type Value struct {
	Name    string  // "temperature": the key in the message body
	Unit    string  // "Cel", "%", "hPa", "By", "s": UCUM, fixed per source
	Num     float64 // in Unit
	Quality Quality
	Reason  string // one word or a short phrase when Quality is not Good, e.g. "out-of-range"

	Age time.Duration // of the measurement when it was read; 0 = measured for this sample
}

// Reading is one sample of one sensor: everything it said at one moment.
type Reading struct {
	Sensor string
	Stamp  clock.Stamp
	Values []Value
}
