package diag

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// mostLines bounds lists on a terminal; JSON has them whole.
const mostLines = 20

// page collects text; its one write at the end has the only error.
type page struct{ bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) hint(indent, hint string) {
	if hint != "" {
		p.line("%s%s", indent, HintLine(clean(hint)))
	}
}

// table writes rows in columns, the first row being the heading.
func (p *page) table(indent string, rows [][]string) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, indent+strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = t.Flush()
}

// to writes the page without the blanks that end lines.
func (p *page) to(w io.Writer) error {
	lines := strings.Split(p.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n"))
	return err
}

// WriteStatus prints the verdict, the chain with its hints, and the figures.
func WriteStatus(w io.Writer, s Status) error {
	p := new(page)
	switch {
	case s.Broken != "":
		p.line("broken: %s", clean(s.Broken))
	case s.OK:
		p.line("ok")
	default:
		p.line("waiting: %s", clean(firstWaiting(s.Chain)))
	}
	told := ""
	for _, part := range s.Chain {
		reason := clean(part.Reason)
		if part.WaitingFor != "" {
			reason = strings.TrimSuffix("for "+clean(part.WaitingFor)+"; "+reason, "; ")
		}
		p.line("  %-9s %-8s %s", clean(part.Part), clean(string(part.State)), reason)
		// A part that waits often has the hint of the one it waits for.
		if part.Hint != told {
			p.hint(strings.Repeat(" ", 21), part.Hint)
		}
		told = cmp.Or(part.Hint, told)
	}
	p.queue(s.Queue, s.Store, s.AtRiskS)
	p.pointers(s.Queue)
	p.store(s.Store)
	l := s.Link
	link := clean(cmp.Or(l.Phase, "unknown"))
	if l.Phase == "online" && l.Transport != "" {
		link += " over " + clean(l.Transport)
	}
	link += " for " + span(l.SinceS)
	if l.NextAttemptInS > 0 {
		link += ", next attempt in " + span(l.NextAttemptInS)
	}
	p.line("link: %s; %d connects, %d failures", link, l.Connects, l.Failures)
	if l.Twice > 0 || l.Rebuilds > 0 || l.Abandoned > 0 {
		p.line("link trouble: another client with this device id noticed %s; made anew for want of progress %s; %s hanging",
			plural(l.Twice, "time"), plural(l.Rebuilds, "time"), plural(uint64(l.Abandoned), "call"))
	}
	if l.LastError != "" {
		p.line("last link error: %s", clean(l.LastError))
	}
	p.uplink(s.Uplink)
	a := s.Agent
	p.line("agent: %s, pid %d, up %s, clock %s", clean(cmp.Or(a.Version, "unknown")), a.PID, span(a.UptimeS), clean(cmp.Or(a.Clock, "unknown")))
	if a.ClockMeans != "" {
		p.line("clock: %s", clean(a.ClockMeans))
		p.hint("", a.ClockHint)
	}
	p.board(s.Board)
	p.watchdog(s.Board)
	p.line("device: %s on %s", clean(cmp.Or(a.DeviceID, "unnamed")), clean(cmp.Or(a.Board, "an unknown board")))
	if a.Store != "" {
		p.line("store: %s, epoch %d", clean(a.Store), a.Epoch)
	}
	return p.to(w)
}

// board prints what the machine says of itself.
func (p *page) board(b Board) {
	if b.Arch == "" {
		return
	}
	p.line("board: revision %s, serial %s, kernel %s on %s; up %s, started by %s", clean(cmp.Or(b.Revision, "-")), clean(cmp.Or(b.Serial, "-")),
		clean(cmp.Or(b.Kernel, "-")), clean(b.Arch), span(b.UptimeS), clean(b.Reset))
	p.line("boots: %d, %s cut short, %s killed; the run before this one ended: %s", b.Boots, plural(uint64(b.Cuts), "time"), plural(uint64(b.Kills), "agent"), clean(b.LastEnd))
	if b.TemperatureC != nil {
		p.line("processor: %.1f °C", *b.TemperatureC)
	}
	if s := b.Supply; s != nil && (s.Undervoltage.SinceBoot || s.Undervoltage.Times > 0 || s.Throttled.SinceBoot) {
		p.line("supply: too low %s since the start; since boot: too low %t, throttled %t", plural(s.Undervoltage.Times, "time"), s.Undervoltage.SinceBoot, s.Throttled.SinceBoot)
	}
	for _, c := range b.Cards {
		p.line("card %s: %s %s, manufacturer %s, made %s", clean(c.Disk), clean(c.Type), clean(c.Name), clean(c.Manufacturer), clean(c.Made))
		if c.LifeUsed > 0 {
			p.line("  %d %% of its life is used", c.LifeUsed)
		}
	}
}

// watchdog prints which loop was waited for, and who waits.
func (p *page) watchdog(b Board) {
	if w := b.Watchdog; w.TimeoutS+w.SupervisorS > 0 {
		p.line("watchdog: %s", cmp.Or(clean(w.Device), "systemd")+" waits for "+span(max(w.TimeoutS, w.SupervisorS)))
	}
	if s := b.LastStall; s != nil {
		end := "agent killed"
		if s.Reset {
			end = "board reset"
		}
		p.line("before this start: %s had stalled, %s", clean(cmp.Or(strings.Join(s.Loops, ", "), "a loop")), end)
	}
}

// uplink prints how records are being sent, once one was.
func (p *page) uplink(u Uplink) {
	if u.Transfers > 0 {
		p.line("sending: %d of %d transfers in flight, %s of %s; answered in %.0f ms at best", u.InFlight, u.Window, volume(u.FlightBytes), volume(u.WindowBytes), 1000*u.LatencyS)
		p.line("sent: %s in %s; %d batches, %d packs, %d sent again, %d dead", plural(u.Sent, "record"), plural(u.Transfers, "transfer"), u.Batches, u.Packs, u.Resent, u.Rejected)
	}
	if b := u.Budget; b != nil {
		p.line("budget: %s of %s used today (%s), anew in %s", volume(b.UsedBytes), volume(b.LimitBytes), clean(b.Count), span(b.ResetsInS))
	}
	if u.Held != "" {
		p.line("held: %s; resumes in %s", clean(u.Held), span(u.ResumesInS))
		p.hint("  ", u.Hint)
	}
}

func firstWaiting(chain []Part) string {
	for _, part := range chain {
		if part.State == Waiting {
			return part.Part
		}
	}
	return ""
}

// WriteSensors prints every sensor with its last values.
func WriteSensors(w io.Writer, s Sensors) error {
	p := new(page)
	for _, one := range s.Sensors {
		where := clean(one.Source)
		if one.Bus != "" {
			where += " on " + clean(one.Bus)
		}
		p.line("%s: %s", clean(one.Name), strings.TrimSuffix(clean(one.Condition)+"; "+clean(one.Reason), "; "))
		p.hint("  ", one.Hint)
		p.line("  %s every %s; %s, %d failed, %d missed", where, span(one.EveryS), plural(one.Samples, "sample"), one.Failures, one.Missed)
		if one.Suspect+one.Bad > 0 {
			p.line("  values so far: %d suspect, %d bad", one.Suspect, one.Bad)
		}
		if one.NextTryS > 0 {
			p.line("  next try in %s", span(one.NextTryS))
		}
		if one.Last == nil {
			continue
		}
		p.line("  last %s ago", span(one.Last.AgeS))
		var rows [][]string
		for _, v := range one.Last.Values {
			quality := ""
			if v.Quality != "good" {
				quality = strings.TrimSuffix(clean(v.Quality)+": "+clean(v.Reason), ": ")
			}
			rows = append(rows, []string{clean(v.Name), number(float64(v.Value)), clean(v.Unit), quality})
		}
		p.table("    ", rows)
	}
	if len(s.Sensors) == 0 {
		p.line("no sensors")
	}
	return p.to(w)
}

// WriteError prints an error and, when it has one, its hint.
func WriteError(w io.Writer, err error) error {
	p := new(page)
	p.line("error: %s", clean(err.Error()))
	p.hint("", Hint(err))
	return p.to(w)
}

func (p *page) more(n int) {
	if n > mostLines {
		p.line("  and %d more; --json shows all", n-mostLines)
	}
}
