//go:build unix

package command

import (
	"os"
	"syscall"
)

// group has a program begin a process group of its own.
func group() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// kill ends a program and those that it started.
func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// endGroup ends what a program that has ended left behind.
func endGroup(p *os.Process) { kill(p) }
