package main

import (
	"os"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// mayMount reports whether the commands below may be used: mounting is root's.
func mayMount() bool { return os.Geteuid() == 0 }

// smallDisk mounts a file system of that size for the rest of the story: disk
// FOLDER SIZE
func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: disk FOLDER SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// readOnly makes such a file system read-only: readonly FOLDER; or writable again:
// ! readonly FOLDER
func readOnly(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: readonly FOLDER")
	}
	flags := uintptr(syscall.MS_REMOUNT)
	if !neg {
		flags |= syscall.MS_RDONLY
	}
	ts.Check(syscall.Mount("", ts.MkAbs(args[0]), "", flags, ""))
}
