package diag

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The voice in which the program speaks to a person: how a hint, a number of things,
// a time and a size are written, here and by every command.

// HintLine is the line that says the next move.
func HintLine(hint string) string { return "hint: " + printable(hint) }

// ThereAre is the hint for whoever names a thing that the configuration has none of;
// block is what the configuration has each in.
func ThereAre(names []string, block string) string {
	if len(names) == 0 {
		return "none is configured: " + block
	}
	return "there are: " + strings.Join(names, ", ")
}

// Plural writes a number of things.
func Plural(n uint64, noun string) string { return plural(n, noun) }

// Span writes seconds with the two largest units that matter.
func Span(d time.Duration) string { return span(d.Seconds()) }

// Volume writes bytes with a binary unit.
func Volume(n int64) string { return volume(n) }

// Clean makes text from elsewhere harmless for a terminal: one line without
// control characters, at most 300 characters.
func Clean(s string) string { return clean(s) }

// Moment writes a time in UTC.
func Moment(t time.Time) string { return moment(t) }

// Instant writes the time of day of something that has just happened.
func Instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("15:04:05.000")
}

func clean(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return printable(s)
}

// printable is clean without a bound on the length.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		default:
			return '?'
		}
	}, s)
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

func span(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 {
		seconds = 0
	}
	if tenths := math.Round(seconds*10) / 10; tenths < 60 {
		return strconv.FormatFloat(tenths, 'f', -1, 64) + " s"
	}
	total := uint64(min(math.Round(seconds), math.MaxInt32*60))
	units := []struct {
		seconds uint64
		name    string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}
	for i, u := range units[:3] {
		if total < u.seconds {
			continue
		}
		text := fmt.Sprintf("%d %s", total/u.seconds, u.name)
		if rest := total % u.seconds / units[i+1].seconds; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
		}
		return text
	}
	return "0 s"
}

func volume(n int64) string {
	f, unit := float64(n), "B"
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if math.Abs(f) < 1024 {
			break
		}
		f, unit = f/1024, larger
	}
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) + " " + unit
}

// Text is the value with its unit.
func (v Value) Text() string {
	return strings.TrimSuffix(strings.TrimSpace(number(float64(v.Value))+" "+clean(v.Unit)), " 1")
}

// number writes a value with the five digits that a person reads, and every one before
// the point.
func number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "-"
	}
	scale := 1e4
	for limit := 10.0; scale > 1 && math.Abs(f) >= limit; limit *= 10 {
		scale /= 10
	}
	return strconv.FormatFloat(math.Round(f*scale)/scale, 'f', -1, 64)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
