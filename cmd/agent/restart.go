package main

import (
	"fmt"
	"os"
	"syscall"

	"fieldpost/board"
	"fieldpost/internal/diag"
)

// restart replaces this process by a new one of the same program, which may be
// another version by now, with the same arguments. It returns when it cannot.
func restart(e env) int {
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, os.Args, os.Environ())
	}
	return fail(e, exitFailure, fmt.Errorf("start the agent again: %w", err), "start it by hand, or have a supervisor do it")
}

// reboot asks for the board's reboot.
func reboot(e env, power board.Power) int {
	if err := power.Reboot(); err != nil {
		return fail(e, exitFailure, err, diag.Hint(err))
	}
	return exitOK
}
