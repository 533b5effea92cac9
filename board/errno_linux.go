package board

import (
	"errors"
	"fmt"
	"syscall"
)

// kindOf names what an errno means on a bus or line. Adapters say "nobody
// answered" in three ways: the Pi's own with EREMOTEIO, USB adapters with ENXIO,
// some others with ENODEV.
func kindOf(err error) error {
	for _, k := range [...]struct {
		errno syscall.Errno
		kind  error
	}{
		{syscall.EREMOTEIO, ErrNoAck},
		{syscall.ENXIO, ErrNoAck},
		{syscall.ENODEV, ErrNoAck},
		{syscall.ETIMEDOUT, ErrBusTimeout},
		{syscall.EAGAIN, ErrBusTimeout},
		{syscall.EIO, ErrIO},
		{syscall.EBADF, ErrClosed},
		{syscall.EBUSY, ErrInUse},
	} {
		if errors.Is(err, k.errno) {
			return fmt.Errorf("%w: %w", k.kind, err)
		}
	}
	return err
}
