package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"fieldpost/internal/diag"
)

// Frame makes the lines of a window of that many columns and rows, at most as many
// as it has; rows = 0 is a window without an end. Lines carry ANSI colours when
// colour is set, and are never wider than the window.
func (v *View) Frame(columns, rows int, now time.Time, colour bool) []string {
	head := v.head(columns, now)
	var body []line
	foot := line{dim("q quit  p pause  arrows, page up and down  ? help")}
	switch {
	case v.Help:
		body = helpLines()
	case v.known:
		body = v.sensors(columns, now)
	}
	if rows > 0 {
		// In a low window some sensors matter more than the last lines above them.
		const sensors = 4
		head = head[:min(len(head), max(rows-1-min(len(body), sensors), 1))]
		room := max(rows-len(head)-1, 0)
		body, foot = v.window(body, room, foot)
		for len(body) < room {
			body = append(body, nil)
		}
	}
	all := append(head, body...)
	if rows > len(head) {
		all = append(all, foot)
	}
	lines := make([]string, len(all))
	for i, l := range all {
		lines[i] = l.text(columns, colour)
	}
	return lines
}

// window cuts body to the rows that are shown; its first is the heading and stays.
func (v *View) window(body []line, room int, foot line) ([]line, line) {
	if len(body) <= room {
		v.scroll = 0
		return body, foot
	}
	if room < 2 {
		return body[:room], foot
	}
	list, shown := body[1:], room-1
	v.scroll = max(0, min(v.scroll, len(list)-shown))
	foot = append(line{plain(fmt.Sprintf("%d-%d of %d  ", v.scroll+1, v.scroll+shown, len(list)))}, foot...)
	return append(body[:1:1], list[v.scroll:v.scroll+shown]...), foot
}

// head are the lines above the sensors, the most important first.
func (v *View) head(columns int, now time.Time) []line {
	lines := []line{v.verdict(now)}
	if v.problem != nil {
		lines = append(lines, wrapped(red, diag.Clean(v.problem.Error()), columns)...)
		if hint := diag.Hint(v.problem); hint != "" {
			lines = append(lines, wrapped(plain, diag.HintLine(diag.Clean(hint)), columns)...)
		}
	}
	if !v.known {
		return lines
	}
	s := v.last.Status
	if broken := first(s); broken.Part != "" && v.problem == nil {
		lines = append(lines, wrapped(red, diag.Clean(broken.Part+": "+broken.Reason), columns)...)
		if broken.Hint != "" {
			lines = append(lines, wrapped(plain, diag.HintLine(diag.Clean(broken.Hint)), columns)...)
		}
	}
	lines = append(lines, chain(s.Chain, columns), v.queue(s, columns), v.link(s, columns, now))
	if s.Store.MaxBytes > 0 {
		lines = append(lines, line{plain("disk   " + diag.Volume(s.Store.StoredBytes) + " of " + diag.Volume(s.Store.MaxBytes) + " stored, " +
			diag.Volume(s.Store.FreeBytes) + " free")})
	} else if !s.Store.Ready {
		lines = append(lines, line{yellow("disk   not open yet: " + diag.Clean(cmp.Or(s.Store.Opening, "starting")))})
	}
	if s.Uplink.Held != "" {
		lines = append(lines, line{yellow("held   " + diag.Clean(s.Uplink.Held))})
	}
	if s.Link.LastError != "" && s.Broken == "" {
		lines = append(lines, line{dim("last link error: " + diag.Clean(s.Link.LastError))})
	}
	const commands = 2
	for _, c := range v.last.Commands[:min(len(v.last.Commands), commands)] {
		text := fmt.Sprintf("command %s %s %s", diag.Moment(c.Begun), diag.Clean(cmp.Or(c.Name, "-")), diag.Clean(c.Verdict))
		if c.Reason != "" {
			text += ": " + diag.Clean(c.Reason)
		}
		lines = append(lines, line{plain(text)})
	}
	return lines
}

// verdict says in one line how things are.
func (v *View) verdict(now time.Time) line {
	a := v.last.Status.Agent
	var l line
	switch {
	case v.problem != nil && !v.known:
		l = line{bad(" NO ANSWER ")}
	case v.problem != nil:
		l = line{bad(" NO ANSWER "), plain(" for " + diag.Span(now.Sub(v.since)) + "; what follows is old")}
	case !v.known:
		l = line{plain(" asking ")}
	case v.last.Status.Broken != "":
		l = line{bad(" BROKEN: " + diag.Clean(v.last.Status.Broken) + " ")}
	case v.last.Status.OK:
		l = line{good(" OK ")}
	default:
		l = line{yellow(" waiting ")}
	}
	if v.Paused {
		l = append(l, plain(" "), bad(" PAUSED "))
	}
	if v.restarts > 0 && now.Sub(v.restart) < told {
		l = append(l, plain(" "), yellow(fmt.Sprintf("the agent restarted %s ago", diag.Span(now.Sub(v.restart)))))
	}
	if v.known {
		l = append(l, plain(fmt.Sprintf("  %s, agent %s, up %s, clock %s", diag.Clean(cmp.Or(a.DeviceID, "unnamed")),
			diag.Clean(a.Version), span(a.UptimeS), diag.Clean(a.Clock))))
	}
	return l
}

// first is the first part that is broken, or that waits.
func first(s diag.Status) diag.Part {
	for _, p := range s.Chain {
		if p.Part == s.Broken || s.Broken == "" && p.State == diag.Waiting {
			return p
		}
	}
	return diag.Part{}
}

// Below wordyFrom columns, parts that are ok go without the word, and histories are
// shorter.
const wordyFrom = 100

// sparks is how many columns a history has in a line above the sensors.
func sparks(columns int) int {
	if columns > 0 && columns < wordyFrom {
		return 8
	}
	return 20
}

func chain(parts []diag.Part, columns int) line {
	l := line{plain("chain ")}
	for _, p := range parts {
		style, text := plain, diag.Clean(p.Part+" "+string(p.State))
		if p.State == diag.OK && columns > 0 && columns < wordyFrom {
			text = diag.Clean(p.Part)
		}
		switch p.State {
		case diag.OK:
			style = green
		case diag.Broken:
			style = red
		case diag.Waiting:
			style = yellow
		case diag.Off:
			style = dim
		}
		l = append(l, plain(" "), style(text))
	}
	return l
}

func (v *View) queue(s diag.Status, columns int) line {
	text := fmt.Sprintf("queue  %d", s.Queue.Depth)
	if s.Queue.Depth > 0 {
		text += ", oldest " + span(s.Queue.OldestAgeS)
	}
	text += fmt.Sprintf(", %d dead, %d lost", s.Queue.Dead, s.Queue.Lost)
	return line{plain(text + "  "), green(v.spark(v.depth, sparks(columns), true)), plain("  at risk " + span(s.AtRiskS) + "  "), yellow(v.spark(v.risk, sparks(columns), true))}
}

func (v *View) link(s diag.Status, columns int, now time.Time) line {
	old := now.Sub(v.last.At).Seconds()
	text := "link   " + diag.Clean(s.Link.Phase)
	if s.Link.Phase == "online" && s.Link.Transport != "" {
		text += " over " + diag.Clean(s.Link.Transport)
	}
	text += " for " + span(s.Link.SinceS+old)
	if s.Link.NextAttemptInS > 0 {
		text += ", next attempt in " + span(s.Link.NextAttemptInS-old)
	}
	rate := "-"
	if n := len(v.rate); n > 0 {
		rate = fmt.Sprintf("%.1f/s", v.rate[n-1])
	}
	return line{plain(text + fmt.Sprintf("; accepted %d, %s  ", s.Uplink.Accepted, rate)), green(v.spark(v.rate, sparks(columns), true))}
}

// sensors is a heading and one row for each value.
func (v *View) sensors(columns int, now time.Time) []line {
	old := now.Sub(v.last.At).Seconds()
	rows := [][4]string{{"SENSOR", "VALUE", "AGE", "QUALITY"}}
	styles, histories := []func(string) piece{dim}, []string{"HISTORY"}
	add := func(style func(string) piece, spark string, cells [4]string) {
		rows, styles, histories = append(rows, cells), append(styles, style), append(histories, spark)
	}
	for _, s := range v.last.Sensors {
		style, name := plain, diag.Clean(s.Name)
		if s.Condition != "ok" {
			style = yellow
			if s.Condition == "failing" || s.Condition == "hung" {
				style = red
			}
			add(style, "", [4]string{name, strings.TrimSuffix(diag.Clean(s.Condition)+": "+diag.Clean(s.Reason), ": "), "", ""})
			name = ""
		}
		if s.Last == nil {
			continue
		}
		for _, value := range s.Last.Values {
			style, quality := style, diag.Clean(value.Quality)
			if value.Quality != "good" {
				style = yellow
				quality = strings.TrimSuffix(quality+": "+diag.Clean(value.Reason), ": ")
			}
			add(style, v.spark(v.values[s.Name+"\n"+value.Name], 20, false),
				[4]string{name, diag.Clean(value.Name) + " " + value.Text(), span(s.Last.AgeS + old), quality})
			name = ""
		}
	}
	return columned(columns, rows, styles, histories)
}

// Widths below which a column is left out.
const (
	sparkFrom   = 70
	qualityFrom = 50
)

// leastHistory is what the other columns leave of a line for the history, where it is shown.
const leastHistory = 9

// columned lays rows out; the last column, the history, only where there is room.
func columned(columns int, rows [][4]string, styles []func(string) piece, histories []string) []line {
	var width [4]int
	for _, r := range rows {
		for i, cell := range r {
			if i > 0 && r[2] == "" {
				break // a reason may be as long as it likes
			}
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	width[0], width[1], width[3] = min(width[0], 24), min(width[1], 36), min(width[3], 24)
	if columns >= sparkFrom {
		over := width[0] + width[1] + width[2] + width[3] + len(width)*2 + leastHistory - columns
		for _, c := range [...]struct{ column, least int }{{3, 8}, {0, 12}, {1, 24}} {
			less := min(max(over, 0), max(width[c.column]-c.least, 0))
			width[c.column] -= less
			over -= less
		}
	}
	lines := make([]line, len(rows))
	for i, r := range rows {
		text := fmt.Sprintf("%-*s  %s", width[0], short(r[0], width[0]), r[1])
		if r[2] != "" {
			text = fmt.Sprintf("%-*s  %-*s  %-*s", width[0], short(r[0], width[0]), width[1], shortValue(r[1], width[1]), width[2], r[2])
			if columns == 0 || columns >= qualityFrom {
				text += fmt.Sprintf("  %-*s", width[3], short(r[3], width[3]))
			}
		}
		lines[i] = line{styles[i](text)}
		if r[2] != "" && (columns == 0 || columns >= sparkFrom) {
			lines[i] = append(lines[i], plain("  "), green(histories[i]))
		}
	}
	return lines
}

// shortValue cuts the name of a value, not what it is.
func shortValue(text string, width int) string {
	name, value, _ := strings.Cut(text, " ")
	return short(short(name, max(width-len([]rune(value))-1, 4))+" "+value, width)
}

func helpLines() []line {
	var lines []line
	for _, text := range []string{
		"", "q, ctrl-C         quit", "p, space          pause: the screen stands still, the agent does not", "up, down, k, j    scroll the sensors by one",
		"page up, down     by a page", "home, end, g, G   to the first, to the last", "?                 this help, and back", "",
		"chain             the first broken part is the one to mend", "at risk           what a power cut would take now",
		"HISTORY           the last samples, from the lowest to the highest of them",
	} {
		lines = append(lines, line{plain(text)})
	}
	return lines
}
