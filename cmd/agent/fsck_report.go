package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/store"
)

// fsckReport is what --json prints; fields are only added.
type fsckReport struct {
	OK          bool                 `json:"ok"`
	File        string               `json:"file"`
	Bytes       int64                `json:"bytes"`
	Format      string               `json:"format"`
	Store       string               `json:"store,omitempty"`
	Epoch       uint32               `json:"epoch,omitempty"`
	Clean       bool                 `json:"clean_stop"`
	Written     time.Time            `json:"written,omitzero"` // last commit, as believed
	Pages       int                  `json:"pages"`
	Problems    []string             `json:"problems"`
	ByClass     map[string]fsckClass `json:"by_class"`
	Journal     int                  `json:"journal"`
	JournalOpen int                  `json:"journal_open"`
	Ledger      int                  `json:"ledger"`
	Quarantined []string             `json:"quarantined"`
}

type fsckClass struct {
	Counted  uint64 `json:"counted"`  // queued, as the file itself counts
	Blocks   int    `json:"blocks"`   // that can be read
	Salvaged uint64 `json:"salvaged"` // queued ones that salvage brings
	Dead     uint64 `json:"dead"`     // dead letters, which salvage brings too
}

func reportJSON(r store.Report) fsckReport {
	j := fsckReport{
		OK: len(r.Problems) == 0, File: r.File, Bytes: r.Size, Format: r.Format, Store: r.Store, Epoch: r.Epoch,
		Clean: r.Clean, Written: r.Written, Pages: r.Pages, Problems: append([]string{}, r.Problems...), ByClass: map[string]fsckClass{},
		Journal: len(r.Commands), JournalOpen: r.JournalOpen, Ledger: r.Ledger, Quarantined: append([]string{}, r.Quarantined...),
	}
	for class, c := range r.PerClass {
		j.ByClass[store.Class(class).String()] = fsckClass{c.Counted, c.Blocks, c.Salvaged, c.Dead}
	}
	return j
}

// problemLines bounds the damage told on a terminal; --json tells all.
const problemLines = 20

// writeReport prints the verdict first, then what there is.
func writeReport(w io.Writer, r store.Report, salvaged string) error {
	var p bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&p, format+"\n", args...) }
	if len(r.Problems) == 0 {
		line("clean")
	} else {
		line("damaged")
		for _, text := range r.Problems[:min(len(r.Problems), problemLines)] {
			line("  %s", diag.Clean(strings.TrimPrefix(text, "damaged: ")))
		}
		if n := len(r.Problems) - problemLines; n > 0 {
			line("  and %d more; --json shows all", n)
		}
		line("%s", diag.HintLine("agent run starts nevertheless: it sets the file aside and keeps what can be read"))
	}
	line("file: %s, %s, %s", r.File, diag.Volume(r.Size), cmp.Or(r.Format, "of no known format"))
	if r.Store != "" {
		line("store: %s, epoch %d", r.Store, r.Epoch)
	}
	if !r.Written.IsZero() {
		stop := "in order"
		if !r.Clean {
			stop = "not in order: killed, or a power cut"
		}
		line("last commit: %s; stopped %s", diag.Moment(r.Written), stop)
	}
	table := tabwriter.NewWriter(&p, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  class\tqueued\tblocks\treadable\tdead letters")
	var salvage uint64
	for class, c := range r.PerClass {
		if store.Class(class) == store.Debug && c == (store.ReportClass{}) {
			continue // never on disk
		}
		fmt.Fprintf(table, "  %s\t%d\t%d\t%d\t%d\n", store.Class(class), c.Counted, c.Blocks, c.Salvaged, c.Dead)
		salvage += c.Salvaged + c.Dead
	}
	_ = table.Flush()
	line("command journal: %d, of which %d begun without an outcome", len(r.Commands), r.JournalOpen)
	line("loss ledger: %d", r.Ledger)
	if len(r.Quarantined) > 0 {
		line("set aside earlier: %s", strings.Join(r.Quarantined, ", "))
	}
	switch salvaged {
	case "":
		line("salvage would bring %s: --salvage FILE writes them", diag.Plural(salvage, "record"))
	case "-":
		line("%s salvaged", diag.Plural(salvage, "record"))
	default:
		line("%s salvaged to %s", diag.Plural(salvage, "record"), salvaged)
	}
	_, err := p.WriteTo(w)
	return err
}
