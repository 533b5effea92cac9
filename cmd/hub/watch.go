package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

// watch are the flags of a tool that prints what comes.
type watch struct {
	json    bool
	count   int
	timeout time.Duration
	noun    string
}

func (w *watch) define(flags *flag.FlagSet, noun string) {
	w.noun = noun
	flags.BoolVar(&w.json, "json", false, "print one JSON object a line")
	flags.IntVar(&w.count, "count", 0, "end after `N` "+noun+"s; default never")
	flags.DurationVar(&w.timeout, "timeout", 0, "end after this time, with exit code 1 when --count was not reached; default never")
}

// run calls next, which prints and returns how many, until it is enough.
func (w *watch) run(ctx context.Context, next func(context.Context) (int, error)) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	over := func() bool { return false }
	if w.timeout > 0 {
		end := time.Now().Add(w.timeout)
		limited, cancel = context.WithDeadline(ctx, end)
		// The clock, not the context: a dial that is given the context has a
		// timer of its own, which may fail it a moment before the context ends.
		over = func() bool { return !time.Now().Before(end) }
	}
	defer cancel()
	for seen := 0; ; {
		n, err := next(limited)
		seen += n
		switch {
		case w.count > 0 && seen >= w.count:
			return nil
		case ctx.Err() != nil:
			return nil
		case over() && w.count > 0:
			return fmt.Errorf("%d of %d %ss within %s", seen, w.count, w.noun, w.timeout)
		case over():
			return nil
		case err != nil:
			return err
		}
	}
}
