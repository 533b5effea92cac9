//go:build unix && !aix && !solaris

package diag

import (
	"os"
	"syscall"
)

// noFollow refuses a symbolic link in the place of the lock file.
const noFollow = syscall.O_NOFOLLOW

// lock takes an exclusive lock on f for as long as f is open; false means that
// somebody else has it.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}
