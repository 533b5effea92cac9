//go:build unix

package main

import "syscall"

// noCore keeps what is in memory, keys among it, out of a file when the program crashes.
func noCore() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
