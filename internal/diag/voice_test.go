package diag

import (
	"math"
	"testing"
)

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 0.00004: "0", 0.12346: "0.1235", 5.10234: "5.1023", 21.394999: "21.395", -21.394999: "-21.395", 101.5: "101.5",
		1016.1976: "1016.2", 99999.7: "100000", 24234991616.5: "24234991617", math.NaN(): "-", math.Inf(-1): "-",
	} {
		if got := number(f); got != want {
			t.Errorf("%v is %q, want %q", f, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 s", 0.04: "0 s", 0.25: "0.3 s", 59.9: "59.9 s", 59.96: "1 min", 60: "1 min", 3599: "59 min 59 s", 3600: "1 h",
		11525: "3 h 12 min", 86400: "1 d", 273605: "3 d 4 h", -5: "0 s", math.Inf(1): "1491308 d 2 h", math.NaN(): "0 s",
	} {
		if got := span(seconds); got != want {
			t.Errorf("span(%v) = %q, want %q", seconds, got, want)
		}
	}
}

func TestVolume(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1300000: "1.2 MiB", 64 << 20: "64 MiB", 3 << 40: "3072 GiB"} {
		if got := volume(n); got != want {
			t.Errorf("volume(%d) = %q, want %q", n, got, want)
		}
	}
}
