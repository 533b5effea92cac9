//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// mayBecome reports whether the command below may be used: becoming another user
// is root's.
func mayBecome() bool { return os.Geteuid() == 0 }

// stranger is says by a user who is neither root nor the agent's, and to whom the
// story's folder is open: stranger CODE REGEXP agent ARGS…
func stranger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[2] != "agent" {
		ts.Fatalf("usage: stranger CODE REGEXP agent ARGS…")
	}
	const nobody = 65534
	work := ts.Getenv("WORK")
	ts.Check(errors.Join(os.Chmod(work, 0o755), os.Chmod(filepath.Dir(work), 0o755)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := started(ctx, ts, args[3:])
	cmd.Path = "/proc/self/exe" // by its own name it may lie where he may not look
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	ended(ts, args[0], err)
	heard(ts, args[1], string(out))
}
