package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"fieldpost/internal/diag"
)

// queueCommands lists the commands below "agent queue".
func queueCommands() []command {
	return []command{
		{"queue stat", "count what waits, what died and what was lost; plain agent queue does the same", "agent queue stat --json", runQueueStat},
		{"queue peek", "show the records that are drained next, and leave them there", "agent queue peek --class alarm -n 3", runQueuePeek},
		{"queue export", "print every queued record as one JSON object a line, and leave them there", "agent queue export > records.jsonl", runQueueExport},
		{"queue flush", "write what is in memory to disk now", "agent queue flush", runQueueFlush},
		{"queue dead", "list, show, retry or drop what the hub refused; alone it lists", "agent queue dead", runDead},
		{"queue dead list", "list the records that the hub refused for themselves, with its words", "agent queue dead list", runDeadList},
		{"queue dead show", "print one dead letter whole", "agent queue dead show 0123456789abcdef-12-2-345", runDeadShow},
		{"queue dead retry", "queue dead letters again, under the ids they have", "agent queue dead retry 0123456789abcdef-12-2-345", runDeadRetry},
		{"queue dead drop", "give dead letters up; the loss ledger counts them", "agent queue dead drop --all", runDeadDrop},
	}
}

// runQueue finds the command below "queue": the longest name that the words are.
func runQueue(ctx context.Context, e env, args []string) int {
	words := 0
	for words < len(args) && !strings.HasPrefix(args[words], "-") {
		words++
	}
	for n := min(words, 2); n > 0; n-- {
		name := "queue " + strings.Join(args[:n], " ")
		for _, c := range queueCommands() {
			if c.name == name {
				return c.run(ctx, e, args[n:])
			}
		}
	}
	if words == 0 {
		return ask(ctx, e, "queue", args, askQueue)
	}
	var names []string
	for _, c := range queueCommands() {
		names = append(names, strings.TrimPrefix(c.name, "queue "))
	}
	return unknown(e, "agent queue", strings.Join(args[:min(words, 2)], " "), "one of "+strings.Join(names, ", "))
}

func runQueueStat(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "queue stat", args, askQueue)
}

func askQueue(ctx context.Context, c *diag.Client) (any, printer, error) {
	answer, err := c.Queue(ctx)
	return answer, func(w io.Writer) error { return diag.WriteQueue(w, answer) }, err
}

func runQueuePeek(ctx context.Context, e env, args []string) int {
	f := flags(e, "queue peek")
	to := addressed(f)
	var p diag.Peek
	f.StringVar(&p.Class, "class", "", "only records of this `class`: "+strings.Join(diag.Classes(), ", "))
	f.IntVar(&p.N, "n", 10, fmt.Sprintf("how `many`, at most %d", diag.MaxPeek))
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	switch {
	case p.Class != "" && !slices.Contains(diag.Classes(), p.Class):
		return misused(e, f, fmt.Sprintf("no class %q, only %s", p.Class, strings.Join(diag.Classes(), ", ")))
	case p.N < 1 || p.N > diag.MaxPeek:
		return misused(e, f, fmt.Sprintf("-n %d is not from 1 to %d; agent queue export prints everything", p.N, diag.MaxPeek))
	}
	peeked, err := to.client().Peek(ctx, p)
	return show(e, to, peeked, err, func(w io.Writer) error { return diag.WritePeek(w, peeked) })
}

func runQueueExport(ctx context.Context, e env, args []string) int {
	f := flags(e, "queue export")
	socket := f.String("socket", defaultSocket, "the agent's `path`")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	n, err := diag.NewClient(*socket).Export(ctx, e.out)
	if err != nil {
		return unanswered(e, err)
	}
	fmt.Fprintf(e.err, "%d records exported\n", n)
	return exitOK
}

func runQueueFlush(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "queue flush", args, func(ctx context.Context, c *diag.Client) (any, printer, error) {
		answer, err := c.Flush(ctx)
		return answer, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "on disk; %d queued\n", answer.Queued)
			return err
		}, err
	})
}

func runDead(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "queue dead", args, askDead)
}

func runDeadList(ctx context.Context, e env, args []string) int {
	return ask(ctx, e, "queue dead list", args, askDead)
}

func askDead(ctx context.Context, c *diag.Client) (any, printer, error) {
	answer, err := c.Dead(ctx)
	return answer, func(w io.Writer) error { return diag.WriteDead(w, answer) }, err
}

func runDeadShow(ctx context.Context, e env, args []string) int {
	f := flags(e, "queue dead show")
	to := addressed(f)
	ids, code, ok := parseArguments(e, f, args)
	if !ok {
		return code
	}
	if len(ids) != 1 {
		return misused(e, f, "name one dead letter by its message-id")
	}
	d, err := to.client().DeadShow(ctx, ids[0])
	return show(e, to, d, err, func(w io.Writer) error { return diag.WriteDeadRecord(w, d) })
}

func runDeadRetry(ctx context.Context, e env, args []string) int {
	return changeDead(ctx, e, "queue dead retry", args, (*diag.Client).RetryDead, "queued again")
}

func runDeadDrop(ctx context.Context, e env, args []string) int {
	return changeDead(ctx, e, "queue dead drop", args, (*diag.Client).DropDead, "given up")
}

// changeDead has dead letters changed: those named, or all.
func changeDead(ctx context.Context, e env, name string, args []string,
	change func(*diag.Client, context.Context, diag.Selection) (diag.Changed, error), done string) int {
	f := flags(e, name)
	to := addressed(f)
	all := f.Bool("all", false, "every dead letter there is")
	ids, code, ok := parseArguments(e, f, args)
	switch {
	case !ok:
		return code
	case *all == (len(ids) > 0):
		return misused(e, f, "name dead letters by their message-ids, or say --all")
	}
	changed, err := change(to.client(), ctx, diag.Selection{IDs: ids, All: *all})
	return show(e, to, changed, err, func(w io.Writer) error {
		var err error
		switch changed.Count {
		case 0:
			_, err = fmt.Fprintln(w, "no dead letters: nothing to do")
		case 1:
			_, err = fmt.Fprintln(w, "1 dead letter "+done)
		default:
			_, err = fmt.Fprintf(w, "%d dead letters %s\n", changed.Count, done)
		}
		return err
	})
}
