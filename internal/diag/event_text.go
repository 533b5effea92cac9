package diag

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// About returns the sensor that an event is about, or "".
func (e Event) About() string {
	switch {
	case e.Reading != nil:
		return e.Reading.Sensor
	case e.Sensor != nil:
		return e.Sensor.Sensor
	}
	return ""
}

// WriteEvent prints an event in one line.
func WriteEvent(w io.Writer, e Event) error {
	_, err := fmt.Fprintf(w, "%-12s  %-8s %s\n", Instant(e.At), clean(e.Type), clean(e.text()))
	return err
}

func (e Event) text() string {
	switch {
	case e.Reading != nil:
		text := e.Reading.Sensor
		for _, v := range e.Reading.Values {
			text += "  " + v.Name + " " + v.Text()
			if v.Quality != "good" {
				text += " (" + strings.TrimSuffix(v.Quality+": "+v.Reason, ": ") + ")"
			}
		}
		return text
	case e.Settled != nil:
		s := e.Settled
		var parts []string
		for _, p := range []struct {
			n    uint64
			what string
		}{{s.Accepted, "accepted"}, {s.Dead, "dead"}, {s.Lost, "lost"}, {s.Resent, "handed back"}} {
			if p.n > 0 {
				parts = append(parts, count(p.n)+" "+p.what)
			}
		}
		for _, d := range s.Refused {
			parts = append(parts, d.MessageID+": "+d.Cause)
		}
		return strings.Join(parts, ", ")
	case e.Command != nil:
		c := e.Command
		text := cmp.Or(c.Name, "(no name)") + " " + c.Step
		if c.Outcome != "" {
			text += ": " + c.Outcome
		}
		if reason := strings.TrimSuffix(c.Condition+": "+c.Reason, ": "); reason != "" {
			text += ": " + strings.TrimPrefix(reason, ": ")
		}
		return text + "  (" + c.Door + ", " + c.MessageID + ")"
	case e.Link != nil:
		text := e.Link.Phase
		if e.Link.NextAttemptInS > 0 {
			text += ", next attempt in " + span(e.Link.NextAttemptInS)
		}
		return strings.TrimSuffix(text+": "+e.Link.LastError, ": ")
	case e.Sensor != nil:
		return e.Sensor.text()
	case e.Part != nil:
		return e.Part.text()
	case e.Queue != nil:
		q := e.Queue
		return fmt.Sprintf("%s, %s, oldest %s, at risk %s, %d in flight", plural(q.Depth, "record"), volume(q.Bytes), span(q.OldestAgeS), span(q.AtRiskS), q.InFlight)
	case e.Dropped != nil:
		return plural(e.Dropped.Events, "event") + " not shown: they came faster than they were read"
	}
	return ""
}

func (c Change) text() string {
	text := c.Part + c.Sensor + " " + c.State
	if c.Was != "" {
		text += ", was " + c.Was
	}
	if c.WaitingFor != "" {
		text += "; for " + c.WaitingFor
	}
	if c.Reason != "" {
		text += "; " + c.Reason
	}
	return text
}

// WriteLine prints a line of the log, harmless for a terminal.
func WriteLine(w io.Writer, line []byte) error {
	_, err := io.WriteString(w, printable(string(line))+"\n")
	return err
}

// WriteLogLevel prints the level of the log.
func WriteLogLevel(w io.Writer, l LogLevel) error {
	text := l.Level
	if l.Was != "" && l.Was != l.Level {
		text += ", was " + l.Was
	}
	if l.FallsBackS > 0 {
		text += "; " + l.Configured + " again in " + span(l.FallsBackS)
	}
	_, err := fmt.Fprintln(w, clean(text))
	return err
}
