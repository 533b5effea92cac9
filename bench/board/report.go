package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// report is the table of one machine.
type report struct {
	title  string
	began  time.Time
	rows   [][4]string
	failed int
}

// check adds a line: what is looked at, what it must be, and what it was.
func (r *report) check(what, expected, seen string, good bool) {
	verdict := "PROVEN"
	if !good {
		verdict = "FAILED"
		r.failed++
	}
	r.add(what, expected, seen, verdict)
}

func (r *report) add(cells ...string) {
	r.rows = append(r.rows, [4]string(cells))
	fmt.Printf("%4.0f s  %s\n", time.Since(r.began).Seconds(), strings.Join(cells, "  "))
}

// short keeps the table narrow; all that was seen is in the log.
func short(seen string) string {
	const most = 100
	if r := []rune(seen); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return seen
}

// write appends the table to a file; without one it is printed.
func (r *report) write(path string) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\texpected\tseen\tverdict")
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", row[0], row[1], short(row[2]), row[3])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if path == "" {
		fmt.Printf("%s\n%s", r.title, b.Bytes())
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if bad := f.Close(); err == nil {
		err = bad
	}
	return err
}
