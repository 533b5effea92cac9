package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteCommands prints the journal: the commands that were begun, and what became
// of them.
func WriteCommands(w io.Writer, c Commands) error {
	p := new(page)
	if c.Opening != "" {
		p.line("the journal is not read yet: %s", clean(c.Opening))
		return p.to(w)
	}
	if len(c.Journal) == 0 {
		p.line("no command was received yet")
		p.hint("", "agent commands help lists what there is")
		return p.to(w)
	}
	rows := [][]string{{"begun", "took", "command", "door", "outcome", "message-id", "reason"}}
	for _, one := range c.Journal[:min(len(c.Journal), mostLines)] {
		took := "-"
		if !one.Finished.IsZero() && !one.Finished.Before(one.Begun) {
			took = span(one.Finished.Sub(one.Begun).Seconds())
		}
		outcome := clean(one.Verdict)
		if one.State == "due" {
			outcome += ", result due"
		}
		rows = append(rows, []string{moment(one.Begun), took, clean(cmp.Or(one.Name, "-")), clean(cmp.Or(one.Door, "-")), outcome,
			clean(cmp.Or(one.MessageID, "-")), clean(strings.TrimSuffix(one.Condition+": "+one.Reason, ": "))})
	}
	p.table("", rows)
	p.more(len(c.Journal))
	return p.to(w)
}

// WriteCommandList prints what may be commanded.
func WriteCommandList(w io.Writer, c Commands) error {
	p := new(page)
	rows := [][]string{{"command", "allowed by", "help"}}
	for _, a := range c.Actions {
		rows = append(rows, []string{clean(a.Name), doors(a), clean(a.Help)})
	}
	p.table("", rows)
	p.line("agent commands help NAME tells the arguments; the lists allow, allow_methods and allow_local of [commands] open the doors")
	return p.to(w)
}

func doors(a Action) string { return clean(cmp.Or(strings.Join(a.Doors, ", "), "-")) }

// WriteCommandHelp prints all there is to know of the action called name.
func WriteCommandHelp(w io.Writer, c Commands, name string) error {
	i := slices.IndexFunc(c.Actions, func(a Action) bool { return a.Name == name })
	if i < 0 {
		return hinted{fmt.Errorf("no command %q", name), "agent commands help lists what there is"}
	}
	a, p := c.Actions[i], new(page)
	p.line("%s: %s", clean(a.Name), clean(a.Help))
	p.line("  allowed by: %s", doors(a))
	p.line("  after an interruption: %s", clean(a.Repeat)+repeats[a.Repeat])
	if a.DryRun {
		p.line("  dry_run: true tells what it would do")
	}
	if len(a.Args) == 0 {
		p.line("  no arguments")
		return p.to(w)
	}
	p.line("  arguments:")
	var rows [][]string
	for _, arg := range a.Args {
		need := "optional"
		if arg.Required {
			need = "required"
		}
		rows = append(rows, []string{clean(arg.Name), clean(arg.Type), need, clean(arg.Help), bounds(arg)})
	}
	p.table("    ", rows)
	return p.to(w)
}

var repeats = map[string]string{
	"once":       ", it is rejected: it may have happened",
	"repeatable": ", it runs again",
	"resumable":  ", it finds out itself",
}

func bounds(a Argument) string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	unit := ""
	if a.Type == "duration" {
		unit = " s"
	}
	switch {
	case len(a.OneOf) > 0:
		return clean(strings.Join(a.OneOf, ", "))
	case a.Min != nil && a.Max != nil:
		return number(*a.Min) + " to " + number(*a.Max) + unit
	case a.Min != nil:
		return "at least " + number(*a.Min) + unit
	case a.Max != nil:
		return "at most " + number(*a.Max) + unit
	default:
		return ""
	}
}

// WriteCommandAnswer prints the outcome of a command.
func WriteCommandAnswer(w io.Writer, a CommandAnswer) error {
	p := new(page)
	again := ""
	if a.Again {
		again = " (as before: this id was used already)"
	}
	p.line("%s%s", clean(a.Outcome), again)
	if a.Error != "" {
		p.line("  %s", clean(strings.TrimPrefix(a.Condition+": "+a.Error, ": ")))
	}
	if a.Outcome == "abandoned" {
		p.hint("", "it was not begun, and may be run again: agent status tells what is in its way")
	}
	if len(a.Result) > 0 {
		var v any
		if err := json.Unmarshal(a.Result, &v); err != nil {
			return fmt.Errorf("result: %w", err)
		}
		text, err := json.MarshalIndent(v, "  ", "  ")
		if err != nil {
			return fmt.Errorf("result: %w", err)
		}
		for line := range strings.Lines("  " + string(text)) {
			p.line("%s", printable(strings.TrimRight(line, "\n")))
		}
	}
	return p.to(w)
}
