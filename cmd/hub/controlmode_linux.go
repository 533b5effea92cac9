package main

import "syscall"

// narrowSocket sets the mode before the socket has a name, so that there is no
// moment at which others could connect, whatever the umask.
func narrowSocket(_, _ string, c syscall.RawConn) error {
	var mode error
	if err := c.Control(func(fd uintptr) { mode = syscall.Fchmod(int(fd), controlMode) }); err != nil {
		return err
	}
	return mode
}
