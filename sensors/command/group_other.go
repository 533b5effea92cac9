//go:build !unix

package command

import (
	"os"
	"syscall"
)

func group() *syscall.SysProcAttr { return nil }

// kill ends a program.
func kill(p *os.Process) { _ = p.Kill() }

// endGroup leaves alone what a program left behind.
func endGroup(*os.Process) {}
