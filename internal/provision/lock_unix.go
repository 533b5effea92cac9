//go:build unix && !solaris && !aix

package provision

import (
	"errors"
	"os"
	"syscall"
)

// tryLock reports whether the folder is ours now. The lock ends with the file, and
// so with the program.
func tryLock(folder *os.File) (bool, error) {
	err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
