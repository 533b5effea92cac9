package top

import (
	"strings"
	"time"

	"fieldpost/internal/diag"
)

// piece is text of one style: the parameters of an ANSI sequence, or none.
type piece struct{ words, style string }

func plain(s string) piece  { return piece{s, ""} }
func dim(s string) piece    { return piece{s, "2"} }
func red(s string) piece    { return piece{s, "31"} }
func green(s string) piece  { return piece{s, "32"} }
func yellow(s string) piece { return piece{s, "33"} }
func good(s string) piece   { return piece{s, "30;42"} }
func bad(s string) piece    { return piece{s, "97;41"} }

type line []piece

// text is the line cut to that many columns; 0 = as long as it is.
func (l line) text(columns int, colour bool) string {
	var b strings.Builder
	left := columns
	for _, p := range l {
		words := []rune(p.words)
		if columns > 0 && len(words) > left {
			words = words[:left]
		}
		left -= len(words)
		if len(words) == 0 {
			continue
		}
		if colour && p.style != "" {
			b.WriteString("\x1b[" + p.style + "m" + string(words) + "\x1b[m")
		} else {
			b.WriteString(string(words))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// wrapped is text in two lines where one is too narrow for it, broken between words.
func wrapped(style func(string) piece, text string, columns int) []line {
	r := []rune(text)
	if columns <= 0 || len(r) <= columns {
		return []line{{style(text)}}
	}
	at := columns
	for at > columns/2 && r[at] != ' ' {
		at--
	}
	if r[at] != ' ' {
		at = columns
	}
	return []line{{style(string(r[:at]))}, {style("  " + strings.TrimLeft(string(r[at:]), " "))}}
}

func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:max(most-1, 0)]) + "~"
	}
	return s
}

func span(seconds float64) string {
	return diag.Span(time.Duration(max(seconds, 0) * float64(time.Second)))
}

// spark draws the end of a series in that many columns. With zero the scale begins
// at 0, else at the lowest that is shown.
func (v *View) spark(s series, columns int, zero bool) string {
	steps := []rune("▁▂▃▄▅▆▇█")
	if v.ASCII {
		steps = []rune("_.-=+*#@")
	}
	s = s[max(0, len(s)-columns):]
	if len(s) == 0 {
		return ""
	}
	low, high := s[0], s[0]
	for _, f := range s {
		low, high = min(low, f), max(high, f)
	}
	if zero {
		low = min(low, 0)
	}
	out := make([]rune, len(s))
	for i, f := range s {
		step := 0
		if high > low {
			step = int((f - low) / (high - low) * float64(len(steps)-1))
		}
		out[i] = steps[max(0, min(step, len(steps)-1))]
	}
	return string(out)
}
