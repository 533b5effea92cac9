package top

import (
	"time"

	"fieldpost/internal/diag"
)

// Snapshot is what the agent has said at one moment.
type Snapshot struct {
	At       time.Time
	Status   diag.Status
	Sensors  []diag.Sensor
	Commands []diag.Command // newest first
}

// most is how much history is kept, in samples of each series.
const most = 120

// told is how long a restart is shown.
const told = time.Minute

// View is what is known of the agent. The zero View knows nothing.
type View struct {
	Paused bool // what comes in is not taken
	Help   bool
	ASCII  bool // no characters but ASCII: the terminal does not do UTF-8

	last     Snapshot
	known    bool // last holds something
	problem  error
	since    time.Time // of problem
	restarts int
	restart  time.Time // when the last one was noticed
	scroll   int       // first row of sensors shown

	depth, risk, rate series
	values            map[string]series
	samples           map[string]uint64 // by sensor, as in last
}

// series is a short history, the newest at its end.
type series []float64

func (s series) add(f float64) series {
	if len(s) >= most {
		s = append(s[:0], s[1:]...)
	}
	return append(s, f)
}

// Take takes in what the agent says now.
func (v *View) Take(s Snapshot) {
	v.problem = nil
	if v.Paused {
		return
	}
	was, is := v.last.Status, s.Status
	again := v.known && (was.Agent.PID != is.Agent.PID || was.Agent.Epoch != is.Agent.Epoch && was.Agent.Epoch != 0)
	if again {
		v.restarts++
		v.restart = s.At
	}
	if passed := s.At.Sub(v.last.At).Seconds(); v.known && !again && passed > 0 && is.Uplink.Accepted >= was.Uplink.Accepted {
		v.rate = v.rate.add(float64(is.Uplink.Accepted-was.Uplink.Accepted) / passed)
	}
	v.depth, v.risk = v.depth.add(float64(is.Queue.Depth)), v.risk.add(is.AtRiskS)
	if v.values == nil {
		v.values, v.samples = map[string]series{}, map[string]uint64{}
	}
	for _, one := range s.Sensors {
		if one.Last == nil || v.samples[one.Name] == one.Samples {
			continue
		}
		v.samples[one.Name] = one.Samples
		for _, value := range one.Last.Values {
			if f := float64(value.Value); value.Quality != "bad" && f == f {
				key := one.Name + "\n" + value.Name
				v.values[key] = v.values[key].add(f)
			}
		}
	}
	v.last, v.known = s, true
}

// Miss takes in that the agent did not answer.
func (v *View) Miss(err error, at time.Time) {
	if v.problem == nil {
		v.since = at
	}
	v.problem = err
}

// Scroll moves the list of sensors by rows; Frame keeps it in bounds.
func (v *View) Scroll(rows int) { v.scroll += rows }
