package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// bundleCommands lists the commands below "agent bundle".
func bundleCommands() []command {
	return []command{
		{"bundle show", "tell what a bundle says, or print one file of it", "agent bundle show gateway.tar.gz --file log.txt", runBundleShow},
	}
}

func runBundle(ctx context.Context, e env, args []string) int {
	if len(args) > 0 && args[0] == "show" {
		return runBundleShow(ctx, e, args[1:])
	}
	f := flags(e, "bundle")
	socket := f.String("socket", defaultSocket, "the agent's `path`")
	out := f.String("o", "", "new `file` for it, readable by its owner only; - is the standard output; default fieldpost-DATE.tar.gz")
	path := f.String("config", defaultConfig, "configuration `file`, for when no agent runs")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if *out == "" {
		*out = "fieldpost-" + time.Now().UTC().Format("20060102-150405") + ".tar.gz"
	}
	if *out == "-" {
		return gather(ctx, e, e.out, *socket, *path)
	}
	file, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(e, exitFailure, err, hintNewBundle)
	}
	code := gather(ctx, e, file, *socket, *path)
	if err := errors.Join(file.Sync(), file.Close()); err != nil && code == exitOK {
		code = fail(e, exitFailure, err, hintNewBundle)
	}
	if code != exitOK {
		_ = os.Remove(*out)
		return code
	}
	fmt.Fprintf(e.err, "%s: it holds no key and no password; agent bundle show %s tells what it says\n", *out, *out)
	return exitOK
}

const hintNewBundle = "name a new file in a folder that you may write, on a disk with room: -o FILE"

// gather asks the running agent, and looks for itself when there is none.
func gather(ctx context.Context, e env, w io.Writer, socket, path string) int {
	err := diag.NewClient(socket).Bundle(ctx, w)
	var untaken *diag.TakeError
	if errors.Is(err, diag.ErrNoAgent) {
		fmt.Fprintf(e.err, "%v: this is what can be told without it\n", err)
		if err := gatherAlone(ctx, w, path); err != nil {
			return fail(e, exitFailure, err, hintNewBundle)
		}
		return exitOK
	}
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &untaken):
		return fail(e, exitFailure, err, hintNewBundle)
	default:
		return unanswered(e, err)
	}
}

// gatherAlone makes a bundle from the state folder and the configuration.
func gatherAlone(ctx context.Context, w io.Writer, path string) error {
	b := diag.NewBundle(w, "client", version)
	for _, name := range []string{"status.json", "sensors.json", "history.json", "queue.json", "boots.json", "log.txt", "metrics.txt", "goroutines.txt"} {
		b.Missing(name, "no agent runs")
	}
	cfg, problems := readConfig(path)
	var told strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&told, p.String())
	}
	if len(problems) > 0 {
		b.Add("problems.txt", []byte(told.String()))
	}
	dir := defaultStore
	if cfg == nil {
		b.Missing("config.json", path+" could not be read: problems.txt")
	} else {
		dir = cfg.Agent.StateDir
	}
	err := mayBeStore(dir)
	var report store.Report
	if err == nil {
		report, err = store.Fsck(ctx, dir, store.FsckOptions{})
	}
	b.AddJSON("fsck.json", reportJSON(report), err)
	b.AddJSON("commands.json", diag.Commands{Journal: agent.Journal(report.Commands)}, err)
	agent.AddFacts(b, cfg, "/")
	return b.Close()
}

func runBundleShow(_ context.Context, e env, args []string) int {
	f := flags(e, "bundle show")
	name := f.String("file", "", "print the file of this `name` in it")
	paths, code, ok := parseArguments(e, f, args)
	switch {
	case !ok:
		return code
	case len(paths) != 1:
		return misused(e, f, "name one bundle")
	}
	file, err := os.Open(paths[0])
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fail(e, exitFailure, err, "a bundle is its owner's: run it as root or as the user who made it")
	case err != nil:
		return fail(e, exitFailure, err, "")
	}
	defer file.Close()
	m, files, err := diag.ReadBundle(file)
	if err != nil {
		return fail(e, exitFailure, fmt.Errorf("%s: %w", paths[0], err), "")
	}
	if *name != "" {
		err = diag.WriteBundleFile(e.out, files, *name)
	} else {
		err = diag.WriteBundle(e.out, m, files)
	}
	if err != nil {
		return fail(e, exitFailure, err, diag.Hint(err))
	}
	return exitOK
}
