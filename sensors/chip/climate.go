package chip

import "fieldpost/sensors"

// Climate is a sample of temperature in °C and relative humidity in %.
func Climate(celsius, percent float64) []sensors.Value {
	return []sensors.Value{
		{Name: "temperature", Unit: "Cel", Num: celsius},
		{Name: "humidity", Unit: "%", Num: percent},
	}
}

// Fraction is what part of its scale a word of 16 bits is.
func Fraction(word uint16) float64 { return float64(word) / 65535 }

// Mark makes values bad whose word had a wrong checksum.
func Mark(vs []sensors.Value, bad []bool) []sensors.Value {
	for i := range vs {
		if bad[i] {
			vs[i].Quality, vs[i].Reason = sensors.Bad, "checksum"
		}
	}
	return vs
}
