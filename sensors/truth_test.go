package sensors

import (
	"math"
	"testing"
	"time"
)

func TestCalibration(t *testing.T) {
	table := [][2]float64{{0, 0}, {100, 101}, {200, 205}}
	for _, c := range []struct {
		cal     Calibration
		x, want float64
	}{
		{Calibration{}, 21.5, 21.5},
		{Calibration{Offset: -0.4}, 21.5, 21.1},
		{Calibration{Gain: 2, Offset: 1}, 10, 21},
		{Calibration{Table: table}, 100, 101},
		{Calibration{Table: table}, 50, 50.5},
		{Calibration{Table: table}, 150, 153},
		{Calibration{Table: table}, -10, -10.1},
		{Calibration{Table: table}, 300, 309},
		{Calibration{Table: table, Gain: 10, Offset: 1}, 100, 1011},
	} {
		if got := c.cal.Apply(c.x); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v of %v is %v, want %v", c.cal, c.x, got, c.want)
		}
	}
	for _, bad := range [][][2]float64{{{1, 1}}, {{1, 1}, {1, 2}}, {{2, 1}, {1, 2}}} {
		if (Calibration{Table: bad}).Check() == nil {
			t.Errorf("table %v was accepted", bad)
		}
	}
	if err := (Calibration{Table: table}).Check(); err != nil {
		t.Error(err)
	}
}

// said is one sample: seconds, the number and what must come of it.
type said struct {
	at      float64
	num     float64
	quality Quality
	reason  string
}

func TestTruthRemembers(t *testing.T) {
	ptr := func(x float64) *float64 { return &x }
	cel := func(e Expect) Expect { e.Name = "temperature"; return e }
	ds18b20 := cel(Expect{Lo: -55, Hi: 125, Sentinels: []Sentinel{
		{Num: 85, Reason: "power-on-value", Near: 2}, {Num: -127, Reason: "no-answer"},
	}})
	for _, c := range []struct {
		name    string
		expect  Expect
		samples []said
	}{
		{"85 is no temperature at power-on", ds18b20, []said{{0, 85, Bad, "power-on-value"}, {1, 21, Good, ""}, {2, 85, Bad, "power-on-value"}}},
		{"85 on the way is one", ds18b20, []said{{0, 83.5, Good, ""}, {1, 85, Good, ""}, {2, 85, Good, ""}}},
		{"-127 is a missing part", ds18b20, []said{{0, -127, Bad, "no-answer"}}},
		{"range of the part", ds18b20, []said{{0, 126, Suspect, "out-of-range"}, {1, -55, Good, ""}}},
		{"range before calibration", cel(Expect{Lo: 0, Hi: 50, Calibration: Calibration{Offset: 100}}), []said{{0, 20, Good, ""}}},
		{"bounds after calibration", cel(Expect{Calibration: Calibration{Offset: 10}, Min: ptr(0), Max: ptr(30)}),
			[]said{{0, 20, Good, ""}, {1, 21, Suspect, "unlikely"}, {2, -11, Suspect, "unlikely"}}},
		{"a spike is a jump, once", cel(Expect{MaxRate: 1}), []said{{0, 20, Good, ""}, {1, 60, Suspect, "jump"}, {2, 20.5, Good, ""}}},
		{"a step is believed when it stays", cel(Expect{MaxRate: 1}), []said{{0, 20, Good, ""}, {1, 60, Suspect, "jump"}, {2, 60.5, Good, ""}, {3, 61, Good, ""}}},
		{"time passes while nothing is read", cel(Expect{MaxRate: 1}), []said{{0, 20, Good, ""}, {60, 70, Good, ""}}},
		{"samples close together", cel(Expect{MaxRate: 1}), []said{{0, 20, Good, ""}, {0.1, 20.9, Good, ""}}},
		{"a calibration without an end", cel(Expect{Calibration: Calibration{Gain: math.Inf(1)}}), []said{{0, 20, Bad, "not-a-number"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth := newTruth([]Expect{c.expect})
			for _, s := range c.samples {
				vs := []Value{{Name: "temperature", Unit: "Cel", Num: s.num}, {Name: "other", Num: 1}}
				truth.judge(time.Duration(s.at*float64(time.Second)), vs)
				if vs[0].Quality != s.quality || vs[0].Reason != s.reason {
					t.Errorf("at %v s: %v is %v %q, want %v %q", s.at, s.num, vs[0].Quality, vs[0].Reason, s.quality, s.reason)
				}
				if vs[1].Quality != Good {
					t.Errorf("another value: %+v", vs[1])
				}
			}
		})
	}
}

func TestStuck(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		first int // sample that is marked first
	}{
		{"fast grid waits for the time", time.Second, 60},
		{"slow grid waits for the samples", time.Hour, stuckSamples - 1},
	} {
		truth := newTruth([]Expect{{Name: "pressure", StuckAfter: time.Minute}})
		sample := func(i int, num float64) Value {
			vs := []Value{{Name: "pressure", Unit: "hPa", Num: num}}
			truth.judge(time.Duration(i)*c.every, vs)
			return vs[0]
		}
		for i := range 100 {
			if v := sample(i, 1000); (v.Quality == Suspect && v.Reason == "stuck") != (i >= c.first) {
				t.Fatalf("%s: sample %d: %v %q", c.name, i, v.Quality, v.Reason)
			}
		}
		if v := sample(100, 1000.1); v.Quality != Good {
			t.Errorf("%s: after it moved: %v %q", c.name, v.Quality, v.Reason)
		}
	}
}

func TestStale(t *testing.T) {
	truth := newTruth([]Expect{{Name: "x", MaxAge: time.Minute}})
	vs := []Value{{Name: "x", Num: 1, Age: time.Minute}, {Name: "x", Num: 1, Age: 61 * time.Second}}
	truth.judge(0, vs)
	if vs[0].Quality != Good || vs[1].Quality != Suspect || vs[1].Reason != "stale" {
		t.Errorf("%+v", vs)
	}
}

// What a source marked itself keeps its mark.
func TestMarksOfTheSourceStay(t *testing.T) {
	truth := newTruth([]Expect{{Name: "x", Lo: 0, Hi: 1, MaxRate: 1}})
	vs := []Value{{Name: "x", Num: 5, Quality: Suspect, Reason: "mine"}, {Name: "x", Num: 5, Quality: Bad, Reason: "crc"}}
	truth.judge(0, vs)
	if vs[0].Reason != "mine" || vs[1].Reason != "crc" {
		t.Errorf("%+v", vs)
	}
}
