package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fieldpost/store"
)

const defaultStore = "/var/lib/fieldpost"

func runFsck(ctx context.Context, e env, args []string) int {
	f := flags(e, "fsck")
	dir := f.String("store", defaultStore, "`folder` of the store, as in agent.state_dir; nothing in it is changed")
	out := f.String("salvage", "", "new `file` for every record that can still be read, one JSON object a line; - is the standard output")
	asJSON := f.Bool("json", false, "print JSON")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if err := mayBeStore(*dir); err != nil {
		return fail(e, exitStore, err, "name the folder that agent.state_dir names: --store DIR")
	}
	report, code := examine(ctx, e, *dir, *out)
	if code != exitOK {
		return code
	}
	// The report gives way where the records take the standard output.
	w := e.out
	if *out == "-" {
		w = e.err
	}
	var err error
	if *asJSON {
		err = printJSON(w, reportJSON(report))
	} else {
		err = writeReport(w, report, *out)
	}
	switch {
	case err != nil:
		return fail(e, exitFailure, err, "")
	case len(report.Problems) > 0:
		return exitStore
	}
	return exitOK
}

// mayBeStore refuses what no agent has used as its folder: a wrong name must not
// look like a store in order.
func mayBeStore(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: not a folder", dir)
	}
	for _, name := range []string{"queue.db", "identity"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("%s: holds no store", dir)
}

// examine looks at the store in dir and writes what can be salvaged to out.
func examine(ctx context.Context, e env, dir, out string) (store.Report, int) {
	salvage, err := newSalvage(e, dir, out)
	if err != nil {
		return store.Report{}, fail(e, exitFailure, err, "name a new file outside of the store: --salvage FILE")
	}
	report, err := store.Fsck(ctx, dir, store.FsckOptions{Salvage: salvage.take()})
	if err := salvage.end(err == nil); err != nil {
		return report, fail(e, exitFailure, fmt.Errorf("salvage: %w", err), "name a new file on a disk with room: --salvage FILE")
	}
	switch {
	case err == nil:
		return report, exitOK
	case errors.Is(err, store.ErrLocked):
		return report, fail(e, exitStore, err, "an agent uses this store: stop it first, or ask it with agent queue")
	case errors.Is(err, fs.ErrPermission):
		return report, fail(e, exitStore, err, hintRights)
	default:
		return report, fail(e, exitStore, err, "")
	}
}
