package sensors

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Sentinel is a number that a part gives when it has not measured.
type Sentinel struct {
	Num    float64 // as the part gives it, exactly
	Reason string  // "power-on-value"
	// Near makes the number a measurement when the one before was at most so far
	// away, in the value's unit; default 0 (never one).
	Near float64
}

// Expect is what is known of one value of one sensor. The zero value of each
// field asks for nothing.
type Expect struct {
	Name      string     // of the value
	Lo, Hi    float64    // what the part can measure, in Unit before calibration; outside is Suspect, "out-of-range"; default any
	Sentinels []Sentinel // Bad with the reason of the sentinel; default none

	Calibration Calibration

	Min, Max   *float64      // what this place can show, in Unit after calibration; outside is Suspect, "unlikely"; default any
	MaxRate    float64       // largest change in Unit per second; faster is Suspect, "jump"; default any
	StuckAfter time.Duration // the same number for so long, and eleven samples, is Suspect, "stuck"; default never
	MaxAge     time.Duration // an older measurement is Suspect, "stale"; default any
}

// Calibration turns what a part says into what is: a table of pairs {said, is},
// straight lines between them and beyond its ends, then Gain and Offset.
type Calibration struct {
	Gain   float64      // default 1
	Offset float64      // in Unit, added last; default 0
	Table  [][2]float64 // at least two, rising in the first number; default none
}

// Check tells what is wrong with a calibration.
func (c Calibration) Check() error {
	if len(c.Table) == 1 {
		return fmt.Errorf("a table of one pair says nothing about other numbers")
	}
	for i, p := range c.Table {
		if i > 0 && p[0] <= c.Table[i-1][0] {
			return fmt.Errorf("pair %d: %v does not rise above %v", i+1, p[0], c.Table[i-1][0])
		}
	}
	return nil
}

// Apply returns what x is in truth.
func (c Calibration) Apply(x float64) float64 {
	if n := len(c.Table); n >= 2 {
		i := slices.IndexFunc(c.Table, func(p [2]float64) bool { return p[0] >= x })
		switch i {
		case -1:
			i = n - 1
		case 0:
			i = 1
		}
		a, b := c.Table[i-1], c.Table[i]
		x = a[1] + (x-a[0])*(b[1]-a[1])/(b[0]-a[0])
	}
	if c.Gain != 0 {
		x *= c.Gain
	}
	return x + c.Offset
}

// stuckSamples is how many equal samples in a row a stuck value has at least: a
// slow grid alone makes nothing stuck.
const stuckSamples = 11

// truth judges the values of one sensor, and remembers what it needs of them.
type truth struct {
	table  []limit
	expect map[string]Expect
	before map[string]*memory
}

// memory is what is kept of one value.
type memory struct {
	said  float64       // newest that was no sentinel, before calibration
	num   float64       // newest that was believed
	at    time.Duration // when, in boot time
	seen  bool          // said, num and at are set
	jump  float64       // newest that was too far from num, when jumped
	leapt time.Duration // when
	jumps bool
	same  float64       // repeated since
	since time.Duration // in boot time
	count int
}

func newTruth(expect []Expect) *truth {
	t := &truth{table: limits(), expect: make(map[string]Expect), before: make(map[string]*memory)}
	for _, e := range expect {
		t.expect[e.Name] = e
	}
	return t
}

// judge calibrates and marks the values of a sample taken at boot time now. It
// changes vs in place.
func (t *truth) judge(now time.Duration, vs []Value) {
	for i := range vs {
		v := &vs[i]
		e := t.expect[v.Name]
		m := t.before[v.Name]
		if m == nil && (e.remembers()) {
			m = new(memory)
			t.before[v.Name] = m
		}
		t.mark(v, e, m)
		if v.Quality == Bad {
			continue
		}
		v.Num = e.Calibration.Apply(v.Num)
		switch {
		case math.IsNaN(v.Num) || math.IsInf(v.Num, 0):
			v.Quality, v.Reason = Bad, "not-a-number"
			continue
		case e.Min != nil && v.Num < *e.Min, e.Max != nil && v.Num > *e.Max:
			v.suspect("unlikely")
		case e.MaxAge > 0 && v.Age > e.MaxAge:
			v.suspect("stale")
		}
		if m != nil {
			m.watch(v, e, now)
		}
	}
}

// remembers reports whether judging needs what came before.
func (e Expect) remembers() bool {
	return e.MaxRate > 0 || e.StuckAfter > 0 ||
		slices.ContainsFunc(e.Sentinels, func(s Sentinel) bool { return s.Near > 0 })
}

// mark judges a number as the part gave it.
func (t *truth) mark(v *Value, e Expect, m *memory) {
	check(t.table, v)
	if v.Quality == Bad {
		return
	}
	for _, s := range e.Sentinels {
		measured := s.Near > 0 && m != nil && m.seen && math.Abs(m.said-v.Num) <= s.Near
		if v.Num == s.Num && !measured {
			v.Quality, v.Reason = Bad, s.Reason
			return
		}
	}
	if m != nil {
		m.said = v.Num
	}
	if (e.Lo != 0 || e.Hi != 0) && (v.Num < e.Lo || v.Num > e.Hi) {
		v.suspect("out-of-range")
	}
}

// suspect marks a value that was good.
func (v *Value) suspect(reason string) {
	if v.Quality == Good {
		v.Quality, v.Reason = Suspect, reason
	}
}

// watch judges a number by those before it. A jump that the next sample confirms
// was a step of the thing measured: from then on it is believed.
func (m *memory) watch(v *Value, e Expect, now time.Duration) {
	near := func(x float64, at time.Duration) bool {
		return math.Abs(v.Num-x) <= e.MaxRate*max(now-at, time.Second).Seconds()
	}
	switch {
	case e.MaxRate <= 0, !m.seen, near(m.num, m.at), m.jumps && near(m.jump, m.leapt):
		m.num, m.at, m.jumps = v.Num, now, false
	default:
		m.jump, m.leapt, m.jumps = v.Num, now, true
		v.suspect("jump")
	}
	if m.count == 0 || m.same != v.Num {
		m.same, m.since, m.count = v.Num, now, 0
	}
	m.count++
	m.seen = true
	if e.StuckAfter > 0 && m.count >= stuckSamples && now-m.since >= e.StuckAfter {
		v.suspect("stuck")
	}
}
