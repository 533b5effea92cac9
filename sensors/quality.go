package sensors

import "math"

// span is a closed range of values.
type span struct{ lo, hi float64 }

func (s span) holds(x float64) bool { return x >= s.lo && x <= s.hi }

// limit is what is known about values of one name and unit. An empty name or
// unit matches every one. The first row that matches decides.
type limit struct {
	name, unit string
	possible   span // outside: Bad, "impossible"
	plausible  span // outside: Suspect, "out-of-range"
}

// absoluteZero is what a driver that failed leaves in place of a temperature, in
// °C: 0 K is never measured.
const absoluteZero = -273.15

// limits holds the ranges of everything the families of sources give. What a
// part can measure itself is narrower and checked by its own package.
func limits() []limit {
	return []limit{
		{name: "cpu_temperature", unit: "Cel", possible: span{-100, 300}, plausible: span{-40, 125}},
		{unit: "Cel", possible: span{-273.14, 2000}, plausible: span{-90, 150}},
		{unit: "K", possible: span{0.01, 2300}, plausible: span{183, 423}},
		{name: "humidity", unit: "%", possible: span{-5, 110}, plausible: span{0, 100}},
		{name: "mem_used_percent", unit: "%", possible: span{0, 100}, plausible: span{0, 100}},
		{unit: "%", possible: span{-1e6, 1e6}, plausible: span{-0.5, 100.5}},
		{name: "pressure", unit: "hPa", possible: span{1, 2000}, plausible: span{300, 1100}},
		{unit: "hPa", possible: span{-2000, 1e6}, plausible: span{-2000, 1e6}},
		{unit: "By", possible: span{0, 1e18}, plausible: span{0, 1e15}},
		{unit: "s", possible: span{0, 1e12}, plausible: span{0, 3.2e9}},
		{name: "co2", unit: "[ppm]", possible: span{0, 1e6}, plausible: span{250, 40000}},
		{unit: "lx", possible: span{0, 1e7}, plausible: span{0, 2e5}},
		{possible: span{-1e18, 1e18}, plausible: span{-1e18, 1e18}},
	}
}

// check marks a value that cannot be right, or hardly can.
func check(table []limit, v *Value) {
	switch {
	case math.IsNaN(v.Num):
		v.Quality, v.Reason = Bad, "not-a-number"
	case math.IsInf(v.Num, 0):
		v.Quality, v.Reason = Bad, "infinite"
	case v.Quality == Good:
		v.Quality, v.Reason = judge(table, *v)
	}
}

func judge(table []limit, v Value) (Quality, string) {
	for _, l := range table {
		if l.name != "" && l.name != v.Name || l.unit != "" && l.unit != v.Unit {
			continue
		}
		switch {
		case v.Unit == "Cel" && math.Abs(v.Num-absoluteZero) < 0.01:
			return Bad, "zero-kelvin"
		case !l.possible.holds(v.Num):
			return Bad, "impossible"
		case !l.plausible.holds(v.Num):
			return Suspect, "out-of-range"
		}
		return Good, ""
	}
	return Good, ""
}
