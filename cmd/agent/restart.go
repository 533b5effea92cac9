package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"fieldpost/board"
	"fieldpost/internal/agent"
	"fieldpost/internal/diag"
)

// running is this very program, also when its file was removed or replaced.
const running = "/proc/self/exe"

// restarts tells whether a run that ended with err goes on in a new process.
// Whoever has stopped the agent meanwhile wants it stopped.
func restarts(ctx context.Context, err error) bool {
	return errors.Is(err, agent.ErrRestart) && ctx.Err() == nil
}

// restart replaces this process by a new one of the same program, which may be
// another version by now, with the same arguments. A version that the kernel does
// not start, or that is not there, leaves this one. It returns when it cannot.
func restart(e env) int {
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, os.Args, os.Environ())
	}
	fail(e, exitFailure, fmt.Errorf("start %s: %w", path, err), "this version goes on; put a program for this machine in its place")
	err = syscall.Exec(running, os.Args, os.Environ())
	return fail(e, exitFailure, fmt.Errorf("start the agent again: %w", err), "start it by hand, or have a supervisor do it")
}

// reboot asks for the board's reboot. An agent whose board does not take the order
// starts again, and its next start tells the sender.
func reboot(ctx context.Context, e env, power board.Power) int {
	err := power.Reboot()
	if err == nil {
		return exitOK
	}
	fail(e, exitFailure, err, diag.Hint(err))
	if ctx.Err() != nil {
		return exitFailure
	}
	return restart(e)
}
