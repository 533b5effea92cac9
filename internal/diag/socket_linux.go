package diag

import "syscall"

// narrow sets the mode before the socket has a name, so that there is no moment
// at which others could connect, whatever the umask.
func narrow(_, _ string, c syscall.RawConn) error {
	var mode error
	if err := c.Control(func(fd uintptr) { mode = syscall.Fchmod(int(fd), SocketMode) }); err != nil {
		return err
	}
	return mode
}
