package diag

import (
	"cmp"
	"io"
	"strings"
)

// WriteProbe prints what was found by bus, then what to put into the configuration,
// then hints.
func WriteProbe(w io.Writer, r Probe) error {
	p := new(page)
	for _, b := range r.Buses {
		p.probed(b)
	}
	if len(r.Buses) == 0 {
		p.line("nothing found")
	}
	if r.Config != "" {
		p.line("\nto be appended to the configuration:\n")
		for _, l := range strings.Split(strings.TrimRight(r.Config, "\n"), "\n") {
			p.line("%s", printable(l))
		}
	}
	if len(r.Hints) > 0 {
		p.line("")
	}
	for _, h := range r.Hints {
		p.hint("", h)
	}
	return p.to(w)
}

func (p *page) probed(b ProbeBus) {
	head := b.Kind
	for _, s := range []string{b.Device, b.Name} {
		if s != "" {
			head += "  " + clean(s)
		}
	}
	if b.Bus != "" {
		head += "  (bus " + clean(b.Bus) + ")"
	}
	p.line("%s", head)
	if b.Problem != "" {
		p.line("  %s", clean(b.Problem))
		p.hint("  ", b.Hint)
		return
	}
	if len(b.Parts) == 0 {
		p.line("  nothing answers")
	}
	for _, part := range b.Parts {
		how := ""
		if part.How != "" {
			how = ": " + clean(part.How)
		}
		sources := ""
		if len(part.Sources) > 0 {
			sources = "  source " + clean(strings.Join(part.Sources, " or "))
		}
		p.line("  %-6s %-10s %s%s%s", clean(part.Where), clean(cmp.Or(part.Certainty, "-")), clean(part.What), how, sources)
		p.hint(strings.Repeat(" ", 20), part.Hint)
	}
	if b.Note != "" {
		p.line("  %s", clean(b.Note))
	}
}
