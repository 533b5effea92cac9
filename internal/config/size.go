package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// units of sizes, the largest first, binary before decimal.
var units = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"B", 1},
}

// ParseSize reads a number with a unit: "64MiB", "10 MB", "1.5 GiB". Units are
// B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB (powers of 1024); a number
// alone is refused, because it leaves the unit to be guessed.
func ParseSize(s string) (Size, error) {
	text := strings.TrimSpace(s)
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		number = strings.TrimSpace(number)
		if n, err := strconv.ParseUint(number, 10, 63); err == nil {
			if int64(n) > math.MaxInt64/u.bytes {
				return 0, fmt.Errorf("size %q is too large", s)
			}
			return Size(int64(n) * u.bytes), nil
		}
		if strings.Trim(number, "0123456789.") != "" {
			break
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil {
			break
		}
		if f *= float64(u.bytes); f >= math.MaxInt64 {
			return 0, fmt.Errorf("size %q is too large", s)
		}
		return Size(math.Round(f)), nil
	}
	return 0, fmt.Errorf(`%q is not a size: a number and one of B, kB, MB, GB, KiB, MiB, GiB`, s)
}

// String writes s with the largest unit that keeps it whole: "64MiB".
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}
