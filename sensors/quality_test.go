package sensors

import (
	"math"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		in     Value
		want   Quality
		reason string
	}{
		{Value{Name: "temperature", Unit: "Cel", Num: 21.5}, Good, ""},
		{Value{Name: "temperature", Unit: "Cel", Num: -273.15}, Bad, "zero-kelvin"},
		{Value{Name: "temperature", Unit: "Cel", Num: -300}, Bad, "impossible"},
		{Value{Name: "temperature", Unit: "Cel", Num: 180}, Suspect, "out-of-range"},
		{Value{Name: "temperature", Unit: "Cel", Num: 1e9}, Bad, "impossible"},
		{Value{Name: "cpu_temperature", Unit: "Cel", Num: 126}, Suspect, "out-of-range"},
		{Value{Name: "humidity", Unit: "%", Num: 100}, Good, ""},
		{Value{Name: "humidity", Unit: "%", Num: 103}, Suspect, "out-of-range"},
		{Value{Name: "humidity", Unit: "%", Num: 400}, Bad, "impossible"},
		{Value{Name: "pressure", Unit: "hPa", Num: 0}, Bad, "impossible"},
		{Value{Name: "pressure", Unit: "hPa", Num: 200}, Suspect, "out-of-range"},
		{Value{Name: "disk_free_bytes", Unit: "By", Num: 0}, Good, ""},
		{Value{Name: "disk_free_bytes", Unit: "By", Num: -1}, Bad, "impossible"},
		{Value{Name: "uptime_seconds", Unit: "s", Num: -1}, Bad, "impossible"},
		{Value{Name: "anything", Unit: "V", Num: -5}, Good, ""},
		{Value{Name: "anything", Unit: "V", Num: 1e19}, Bad, "impossible"},
		{Value{Name: "anything", Num: math.NaN()}, Bad, "not-a-number"},
		{Value{Name: "anything", Num: math.Inf(-1)}, Bad, "infinite"},
		{Value{Name: "temperature", Unit: "Cel", Num: 900, Quality: Suspect, Reason: "mine"}, Suspect, "mine"},
		{Value{Name: "temperature", Unit: "Cel", Num: 20, Quality: Bad, Reason: "mine"}, Bad, "mine"},
		{Value{Name: "temperature", Unit: "Cel", Num: math.NaN(), Quality: Suspect, Reason: "mine"}, Bad, "not-a-number"},
	} {
		v := c.in
		check(limits(), &v)
		if v.Quality != c.want || v.Reason != c.reason {
			t.Errorf("%+v: %v %q, want %v %q", c.in, v.Quality, v.Reason, c.want, c.reason)
		}
	}
}

// A plausible range that reaches beyond the possible one would never be seen.
func TestLimitsAreNested(t *testing.T) {
	for _, l := range limits() {
		if l.possible.lo > l.possible.hi || l.plausible.lo < l.possible.lo || l.plausible.hi > l.possible.hi {
			t.Errorf("%+v", l)
		}
	}
}
