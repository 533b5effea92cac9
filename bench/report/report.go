// Package report writes what a benchmark found as Markdown, and judges figures by
// what they were to reach.
package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Document is Markdown on its way out.
type Document struct{ W io.Writer }

// Section begins a part of the document.
func (d Document) Section(title string) { fmt.Fprintf(d.W, "\n### %s\n\n", title) }

// Line is a paragraph, or a part of one.
func (d Document) Line(format string, args ...any) { fmt.Fprintf(d.W, format+"\n", args...) }

// Table has one head and rows of as many cells.
type Table struct {
	Head []string
	rows [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// Table prints t.
func (d Document) Table(t Table) {
	fmt.Fprintf(d.W, "| %s |\n|%s\n", strings.Join(t.Head, " | "), strings.Repeat("---|", len(t.Head)))
	for _, r := range t.rows {
		fmt.Fprintf(d.W, "| %s |\n", strings.Join(r, " | "))
	}
}

// Figures are what was to be reached and what was.
type Figures struct{ rows []figure }

type figure struct {
	name, target, measured, verdict, note string
}

const (
	verdictMet    = "yes"
	verdictMissed = "**no**"
	verdictNone   = "-"
	verdictOpen   = "not measured"
)

// AtMost is a figure that must not be above its target.
func (f *Figures) AtMost(name string, target, measured float64, note string) {
	f.Judge(name, "<= "+Num(target), Num(measured), measured <= target, note)
}

// AtLeast is a figure that must not be below its target.
func (f *Figures) AtLeast(name string, target, measured float64, note string) {
	f.Judge(name, ">= "+Num(target), Num(measured), measured >= target, note)
}

// Judge is a figure whose target and measure are told in words.
func (f *Figures) Judge(name, target, measured string, met bool, note string) {
	v := verdictMissed
	if met {
		v = verdictMet
	}
	f.rows = append(f.rows, figure{name, target, measured, v, note})
}

// Info is a figure without a target.
func (f *Figures) Info(name string, measured float64, note string) {
	f.rows = append(f.rows, figure{name, verdictNone, Num(measured), verdictNone, note})
}

// Open is a figure that could not be measured here.
func (f *Figures) Open(name, target, why string) {
	f.rows = append(f.rows, figure{name, target, verdictNone, verdictOpen, why})
}

// Missed counts the figures that were measured and not reached.
func (f *Figures) Missed() int {
	n := 0
	for _, r := range f.rows {
		if r.verdict == verdictMissed {
			n++
		}
	}
	return n
}

// Len is how many figures there are.
func (f *Figures) Len() int { return len(f.rows) }

// Table shows all of them.
func (f *Figures) Table() Table {
	t := Table{Head: []string{"figure", "target", "measured", "met", "note"}}
	for _, r := range f.rows {
		t.Add(r.name, r.target, r.measured, r.verdict, r.note)
	}
	return t
}

// Num prints three significant digits, and no exponent.
func Num(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1 || v == 0:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case v >= 0.0001:
		return strconv.FormatFloat(v, 'f', 4, 64)
	default:
		return strconv.FormatFloat(v, 'f', 6, 64)
	}
}

// Rate prints so many a second.
func Rate(v float64) string {
	if v >= 10_000 {
		return strconv.FormatFloat(v/1000, 'f', 0, 64) + "k"
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
