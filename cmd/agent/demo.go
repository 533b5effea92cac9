package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	duration time.Duration // of sampling, at least
	seed     uint64        // of the simulated environment
	keep     string        // folder that outlives the demo, or ""
	json     bool
	verbose  bool
}

const (
	demoReadyWithin = 15 * time.Second // from start to the first accepted reading
	demoDrainWithin = 20 * time.Second // from the end of sampling to an empty queue
	demoStepWithin  = 30 * time.Second // for each of the steps in between
)

func runDemo(ctx context.Context, e env, args []string) int {
	f := flags(e, "demo")
	var o demoOptions
	f.DurationVar(&o.duration, "duration", 20*time.Second, "how long to sample; longer when the steps need it")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the simulated environment")
	f.StringVar(&o.keep, "keep", "", "keep queue, configuration and keys in this `folder`")
	f.BoolVar(&o.json, "json", false, "print JSON lines on stdout, the last one the summary")
	f.BoolVar(&o.verbose, "verbose", false, "log what agent and hub do to stderr")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if o.duration <= 0 {
		return fail(e, exitUsage, fmt.Errorf("demo: --duration %v: must be longer than nothing", o.duration), "try --duration 20s")
	}
	dir, tidy, err := demoFolder(o.keep)
	if err != nil {
		return fail(e, exitFailure, err, "name another folder with --keep")
	}
	defer tidy()
	log := slog.New(slog.DiscardHandler)
	if o.verbose {
		log = slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	show := newDemoPrinter(e.out, o.json, cancel)
	d, err := newDemo(o, dir, show, log)
	if err != nil {
		return fail(e, exitFailure, err, "name a new folder on a disk with room with --keep")
	}
	sum := d.run(ctx)
	show.summary(sum)
	if o.keep != "" && !o.json {
		fmt.Fprintf(e.out, "\nkept in %s: agent.toml, the queue, the keys; the hub is gone\n", dir)
	}
	if !sum.OK {
		return exitFailure
	}
	return exitOK
}

// demoFolder returns the folder to work in and what to do with it afterwards.
func demoFolder(keep string) (dir string, tidy func(), err error) {
	if keep != "" {
		if _, err := os.Stat(filepath.Join(keep, "agent.toml")); err == nil {
			return "", nil, fmt.Errorf("demo: %s holds an earlier demo", keep)
		}
		return keep, func() {}, os.MkdirAll(keep, 0o700)
	}
	dir, err = os.MkdirTemp("", "fieldpost-demo-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
