package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate has the file system give n bytes of f from off on, and makes f so long
// at least. Where it cannot promise space it is written to, unless the file has
// that much already.
func allocate(f *os.File, off, n int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), 0, off, n); {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS):
			return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err == nil && min(st.Size, int64(st.Blocks)*512) >= off+n {
			return nil
		}
		return writeZeroes(f, off, n)
	}
}
