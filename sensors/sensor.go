package sensors

import "time"

// Bounds of a sampling interval. Sampler.SetInterval refuses what lies outside;
// Sensor.Every is moved to the nearer bound.
const (
	MinEvery     = 100 * time.Millisecond
	MaxEvery     = 24 * time.Hour
	DefaultEvery = 10 * time.Second
)

// Sensor is one sensor to sample.
type Sensor struct {
	Name   string        // unique in the agent; names the readings
	Bus    string        // the bus it is on, for display
	Source string        // the family of its source, for display, e.g. "bme280"
	Open   Opener        // makes the source
	Every  time.Duration // between samples; MinEvery..MaxEvery, default 10 s
	Align  bool          // have the ticks where the wall clock shows a multiple of Every, UTC; the first sample is taken at once
	Jitter time.Duration // a sample is taken at random up to so long behind its tick, half of Every at most; default 0
	Expect []Expect      // what is known of its values, names unique; default nothing but what is known of all
}

// Conditions of a sensor.
const (
	Starting = "starting" // not asked yet
	OK       = "ok"       // the last call gave a reading
	Failing  = "failing"  // the last call gave none; retried at NextTry
	Hung     = "hung"     // a call on its bus does not return
	Disabled = "disabled" // not asked, until it is enabled again
)

// State is how one sensor is doing.
type State struct {
	Sensor    string
	Bus       string
	Source    string
	Condition string        // Starting, OK, Failing, Hung or Disabled
	Reason    string        // why it is not OK
	Hint      string        // the next move of a technician
	Every     time.Duration // between samples, as set last
	Align     bool          // as in Sensor
	Jitter    time.Duration // likewise
	Last      Reading       // the last reading, also one taken by Read; zero before the first
	Samples   uint64        // readings taken
	Suspect   uint64        // values of them that are marked
	Bad       uint64        // values of them that are left out
	Failures  uint64        // calls that gave no reading
	Missed    uint64        // ticks of the grid without a call: late, failing, hung or in suspend
	NextTry   time.Time     // when the sensor is asked next, unless hung or disabled
}

func clampEvery(d time.Duration) time.Duration {
	if d == 0 {
		return DefaultEvery
	}
	return min(max(d, MinEvery), MaxEvery)
}
