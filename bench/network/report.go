package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// report prints the table, and appends it to the file that was named.
func (o *options) report(results []result, out io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "faults of a network path, seed %d\n", o.seed)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\tproduced\tlost\tduplicates\tresumed after\tattempts/min\tTCP resends\tpeak RSS\tverdict")
	failed := 0
	for _, r := range results {
		resume := "-"
		if r.Outage {
			resume = fmt.Sprintf("%.1f s", r.Resume.Seconds())
		}
		if r.Failed != "" {
			failed++
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%.1f\t%d\t%.0f MiB\t%s\n", r.Name, r.Account.Produced, r.Account.Lost(), r.Account.Duplicates,
			resume, r.Attempts, r.Resends, float64(r.Peak)/(1<<20), r.verdict())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Failed != "" {
			why, _, _ := strings.Cut(r.Failed, "\n")
			fmt.Fprintf(&b, "%s: %s\n", r.Name, why)
		}
	}
	if o.table == "" {
		if _, err := out.Write(b.Bytes()); err != nil {
			return err
		}
	} else {
		f, err := os.OpenFile(o.table, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(b.Bytes())
		if err := f.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d rows: %w", failed, len(results), errRefuted)
	}
	return nil
}
