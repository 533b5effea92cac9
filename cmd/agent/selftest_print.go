package main

import (
	"fmt"
	"io"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/diag"
)

// selftestReport is what --json prints; fields are only added.
type selftestReport struct {
	OK      bool          `json:"ok"`
	Passed  int           `json:"passed"`
	Failed  int           `json:"failed"`
	Skipped int           `json:"skipped"`
	Checks  []selftestRow `json:"checks"`
}

type selftestRow struct {
	Check  string  `json:"check"` // "bus cabinet"
	State  string  `json:"state"` // pass, fail, skipped
	Detail string  `json:"detail"`
	Hint   string  `json:"hint,omitempty"`
	TookS  float64 `json:"took_s"`
}

// selftestPrinter prints a row when it is known: a check may take its time.
type selftestPrinter struct {
	out    io.Writer
	json   bool
	report selftestReport
	err    error
}

func newSelftestPrinter(out io.Writer, asJSON bool) *selftestPrinter {
	return &selftestPrinter{out: out, json: asJSON, report: selftestReport{Checks: []selftestRow{}}}
}

func (p *selftestPrinter) row(check string, f agent.Finding, took time.Duration) {
	switch f.State {
	case agent.Passed:
		p.report.Passed++
	case agent.Failed:
		p.report.Failed++
	default:
		p.report.Skipped++
	}
	p.report.Checks = append(p.report.Checks, selftestRow{check, f.State, f.Detail, f.Hint, took.Seconds()})
	if p.json {
		return
	}
	p.print("%-8s %-18s %s\n", f.State, diag.Clean(check), diag.Clean(f.Detail))
	if f.Hint != "" {
		p.print("%-27s %s\n", "", diag.HintLine(diag.Clean(f.Hint)))
	}
}

func (p *selftestPrinter) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// end prints the sum.
func (p *selftestPrinter) end() error {
	r := &p.report
	r.OK = r.Failed == 0
	if p.json {
		return printJSON(p.out, r)
	}
	p.print("\n%d passed, %d failed, %d skipped\n", r.Passed, r.Failed, r.Skipped)
	return p.err
}
