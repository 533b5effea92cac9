package diag

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
)

// queue prints what Status and QueueReport have in common.
func (p *page) queue(q Queue, s Store, atRiskS float64) {
	text := plural(q.Depth, "record")
	if q.Depth > 0 {
		text += ", oldest " + span(q.OldestAgeS)
	}
	p.line("queue: %s; a power cut now would take the last %s", text, span(atRiskS))
	if len(s.AtRiskByClassS) > 0 {
		var parts []string
		for _, class := range classes(s.AtRiskByClassS) {
			parts = append(parts, clean(class)+" "+span(s.AtRiskByClassS[class]))
		}
		p.line("at risk: %s", strings.Join(parts, ", "))
	}
	p.line("records: %d produced = %d delivered + %d queued + %d dead + %d lost; %d refused",
		q.Produced, q.Delivered, q.Depth, q.Dead, q.Lost, q.Refused)
	if len(q.LostBy) > 0 {
		var parts []string
		for _, reason := range slices.Sorted(maps.Keys(q.LostBy)) {
			n := count(q.LostBy[reason])
			if q.LostBy[reason] == 0 {
				n = "an unknown number of" // a ledger entry whose count nobody knows
			}
			parts = append(parts, n+" "+clean(reason))
		}
		p.line("lost: %s", strings.Join(parts, ", "))
	}
}

// pointers say where a status of figures has its story.
func (p *page) pointers(q Queue) {
	if q.Dead > 0 {
		p.hint("", "agent queue dead tells what the hub refused and why; retry sends it again, drop gives it up")
	}
	if len(q.LostBy) > 0 {
		p.hint("", "agent queue lists what was lost, when and why")
	}
}

// store prints how the file is and what it costs the disk.
func (p *page) store(s Store) {
	if !s.Ready {
		p.line("disk: not open yet: %s", clean(cmp.Or(s.Opening, "starting")))
	}
	if g := s.Progress; g != nil {
		text := volume(g.Done)
		if g.Total > 0 {
			text += fmt.Sprintf(" of %s (%d %%)", volume(g.Total), min(100, int64(100*float64(g.Done)/float64(g.Total))))
		}
		p.line("%s: %s", clean(g.Phase), text)
	}
	if !s.Ready {
		return
	}
	text := volume(s.StoredBytes) + " stored"
	if s.MaxBytes > 0 {
		text = volume(s.StoredBytes) + " of " + volume(s.MaxBytes) + " stored"
	}
	if s.ReserveBytes > 0 {
		text += ", " + volume(s.ReserveBytes) + " kept for alarms and results"
	}
	text += ", file of " + volume(s.DiskBytes)
	if s.FreeBytes > 0 {
		text += ", " + volume(s.FreeBytes) + " free"
	}
	p.line("disk: %s", text)
	if s.CommitEveryS <= 0 {
		return
	}
	text = "telemetry is written after " + span(s.CommitEveryS) + " unless delivered before"
	if s.Stretched != "" {
		text = "telemetry is written after " + span(s.CommitEveryS) + ", stretched: " + clean(s.Stretched)
	}
	if s.WriteBudget > 0 {
		text += fmt.Sprintf("; about %s of %s a day used", volume(s.WrittenToday), volume(s.WriteBudget))
	}
	p.line("writes: %s", text)
}

// WriteQueue prints the queue, the equation per class, losses and dead letters.
func WriteQueue(w io.Writer, q QueueReport) error {
	p := new(page)
	p.queue(q.Queue, q.Store, q.AtRiskS)
	p.store(q.Store)
	if q.Ready {
		p.line("commits: %d, %d syncs", q.Commits, q.Syncs)
	}
	if q.LastError != "" {
		p.line("last disk error: %s", clean(q.LastError))
	}
	rows := [][]string{{"class", "produced", "delivered", "queued", "dead", "lost", "size"}}
	for _, class := range classes(q.ByClass) {
		c := q.ByClass[class]
		rows = append(rows, []string{clean(class), count(c.Produced), count(c.Delivered), count(c.Queued), count(c.Dead), count(c.Lost), volume(c.Bytes)})
	}
	if len(rows) > 1 {
		p.table("  ", rows)
	}
	if len(q.Losses) > 0 {
		p.line("losses:")
		rows := [][]string{{"reason", "class", "count", "epoch", "sequence", "from", "to"}}
		for _, l := range q.Losses[:min(len(q.Losses), mostLines)] {
			rows = append(rows, []string{clean(l.Reason), clean(l.Class), count(l.Count), count(uint64(l.Epoch)),
				fmt.Sprintf("%d-%d", l.FirstSeq, l.LastSeq), moment(l.From), moment(l.To)})
		}
		p.table("  ", rows)
		p.more(len(q.Losses))
	}
	if len(q.DeadLetters) > 0 {
		p.line("dead letters:")
		p.dead("  ", q.DeadLetters[:min(len(q.DeadLetters), mostLines)])
		p.more(len(q.DeadLetters))
	}
	return p.to(w)
}

// WritePeek prints records one below the other, each with its body.
func WritePeek(w io.Writer, k Peeked) error {
	p := new(page)
	for _, r := range k.Records {
		p.record(r)
	}
	if k.Incomplete != "" {
		p.line("%s", clean(k.Incomplete))
	}
	switch {
	case len(k.Records) == 0 && k.Incomplete != "":
	case len(k.Records) == 0:
		p.line("nothing queued")
	case k.More:
		p.line("the rest of those asked for would be too much at once; agent queue export has everything")
	}
	return p.to(w)
}

// record prints a record in two lines or three.
func (p *page) record(r Record) {
	p.line("%s  %s  %s  %s", clean(r.MessageID), clean(r.Kind), happened(r), clean(r.Subject))
	var props []string
	for _, name := range slices.Sorted(maps.Keys(r.Properties)) {
		props = append(props, clean(name)+"="+clean(r.Properties[name]))
	}
	if r.CorrelationID != "" {
		props = append(props, "correlation-id="+clean(r.CorrelationID))
	}
	if len(props) > 0 {
		p.line("  %s", strings.Join(props, " "))
	}
	if r.BodyBase64 != nil {
		p.line("  %s, not JSON: %s", plural(uint64(len(r.BodyBase64)), "byte"), clean(fmt.Sprintf("%q", r.BodyBase64[:min(len(r.BodyBase64), 100)])))
	} else if len(r.Body) > 0 {
		p.line("  %s", clean(string(r.Body)))
	}
}

// happened is when a record was taken, with how far that may be off.
func happened(r Record) string {
	at := moment(r.At)
	if r.UncertaintyS >= 1 && !r.At.IsZero() {
		at += " +-" + span(r.UncertaintyS)
	}
	return at
}

// WriteDead lists the dead letters.
func WriteDead(w io.Writer, d DeadLetters) error {
	p := new(page)
	if len(d.DeadLetters) == 0 {
		p.line("no dead letters")
		return p.to(w)
	}
	p.dead("", d.DeadLetters)
	p.hint("", "agent queue dead show ID prints one whole; retry queues it again, drop gives it up")
	return p.to(w)
}

// dead prints a table of dead letters.
func (p *page) dead(indent string, letters []DeadLetter) {
	rows := [][]string{{"message-id", "kind", "refused", "subject", "cause"}}
	for _, d := range letters {
		rows = append(rows, []string{clean(d.MessageID), clean(d.Kind), moment(d.At), clean(cmp.Or(d.Subject, "-")), clean(d.Cause)})
	}
	p.table(indent, rows)
}

// WriteDeadRecord prints one dead letter, its body whole.
func WriteDeadRecord(w io.Writer, d DeadRecord) error {
	p := new(page)
	p.line("message-id: %s", clean(d.MessageID))
	p.line("cause: %s", clean(d.Cause))
	p.line("refused: %s", moment(d.RefusedAt))
	p.line("class: %s, kind: %s, happened: %s", clean(d.Class), clean(d.Kind), happened(d.Record))
	for _, f := range []struct{ name, value string }{
		{"subject", d.Subject}, {"correlation-id", d.CorrelationID}, {"content-type", d.ContentType},
	} {
		if f.value != "" {
			p.line("%s: %s", f.name, clean(f.value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		p.line("property %s: %s", clean(name), clean(d.Properties[name]))
	}
	if d.BodyBase64 != nil {
		p.line("body: %s, not JSON; --json has them in base64", plural(uint64(len(d.BodyBase64)), "byte"))
	} else {
		p.line("body: %s", printable(string(d.Body)))
	}
	return p.to(w)
}

// classes returns the classes met, in drain order, strangers last.
func classes[V any](by map[string]V) []string {
	order := Classes()
	names := slices.Sorted(maps.Keys(by))
	sort.SliceStable(names, func(i, j int) bool {
		return uint(slices.Index(order, names[i])) < uint(slices.Index(order, names[j]))
	})
	return names
}
