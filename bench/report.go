package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// document is Markdown on its way out.
type document struct{ w io.Writer }

func (d document) section(title string) { fmt.Fprintf(d.w, "\n### %s\n\n", title) }

func (d document) line(format string, args ...any) { fmt.Fprintf(d.w, format+"\n", args...) }

type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (d document) table(t table) {
	fmt.Fprintf(d.w, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
	for _, r := range t.rows {
		fmt.Fprintf(d.w, "| %s |\n", strings.Join(r, " | "))
	}
}

// figures are what was to be reached and what was.
type figures struct{ rows []figure }

type figure struct {
	name, target, measured, verdict, note string
}

const (
	verdictMet    = "yes"
	verdictMissed = "**no**"
	verdictNone   = "-"
	verdictOpen   = "not measured"
)

func (f *figures) atMost(name string, target, measured float64, note string) {
	f.judge(name, "<= "+num(target), num(measured), measured <= target, note)
}

func (f *figures) atLeast(name string, target, measured float64, note string) {
	f.judge(name, ">= "+num(target), num(measured), measured >= target, note)
}

func (f *figures) judge(name, target, measured string, met bool, note string) {
	v := verdictMissed
	if met {
		v = verdictMet
	}
	f.rows = append(f.rows, figure{name, target, measured, v, note})
}

// info is a figure without a target.
func (f *figures) info(name string, measured float64, note string) {
	f.rows = append(f.rows, figure{name, verdictNone, num(measured), verdictNone, note})
}

// open is a figure that could not be measured here.
func (f *figures) open(name, target, why string) {
	f.rows = append(f.rows, figure{name, target, verdictNone, verdictOpen, why})
}

// missed counts the figures that were measured and not reached.
func (f *figures) missed() int {
	n := 0
	for _, r := range f.rows {
		if r.verdict == verdictMissed {
			n++
		}
	}
	return n
}

func (f *figures) table() table {
	t := table{head: []string{"figure", "target", "measured", "met", "note"}}
	for _, r := range f.rows {
		t.add(r.name, r.target, r.measured, r.verdict, r.note)
	}
	return t
}

// num prints three significant digits, and no exponent.
func num(v float64) string {
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

func rate(v float64) string {
	if v >= 10_000 {
		return strconv.FormatFloat(v/1000, 'f', 0, 64) + "k"
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

const (
	mb  = 1e6
	mib = 1 << 20
)
