package board

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/host/v3/sysfs"
)

const i2cPrefix = "/dev/i2c-"

// I2C implements Buses.
func (h *HostBoard) I2C(device string) (i2c.BusCloser, error) {
	number, err := busNumber(device)
	if err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: err}
	}
	if _, err := os.Stat(device); err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: kindOf(errors.Unwrap(err))}
	}
	bus, err := sysfs.NewI2C(number)
	if err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: kindOf(err)}
	}
	return &hostI2C{device: device, bus: bus}, nil
}

// busNumber reads the number of "/dev/i2c-1".
func busNumber(device string) (int, error) {
	digits, ok := strings.CutPrefix(device, i2cPrefix)
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("not of the form %s<number>", i2cPrefix)
	}
	return int(n), nil
}

// hostI2C gives the errors of periph's bus a type, a place and a hint.
type hostI2C struct {
	device string
	bus    i2c.BusCloser
}

func (b *hostI2C) String() string { return b.device }

// Tx implements i2c.Bus.
func (b *hostI2C) Tx(addr uint16, w, r []byte) error {
	if err := b.bus.Tx(addr, w, r); err != nil {
		return &Error{Op: "transfer", Thing: fmt.Sprintf("%s address %#02x", b.device, addr), Err: kindOf(err)}
	}
	return nil
}

// SetSpeed implements i2c.Bus. The kernel sets the speed of a bus, from the
// device tree.
func (b *hostI2C) SetSpeed(f physic.Frequency) error {
	return &Error{Op: "set speed of", Thing: b.device, Err: errors.ErrUnsupported}
}

// Close implements i2c.BusCloser.
func (b *hostI2C) Close() error {
	if err := b.bus.Close(); err != nil {
		return &Error{Op: "close", Thing: b.device, Err: kindOf(err)}
	}
	return nil
}

// kindOf finds the errno, which periph turns into text, and names what it means
// on a bus or line. Adapters say "nobody answered" in three ways: the Pi's own
// with EREMOTEIO, USB adapters with ENXIO, some others with ENODEV.
func kindOf(err error) error {
	text := err.Error()
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
		{syscall.EOPNOTSUPP, nil},
		{syscall.ENOTTY, nil},
		{syscall.ENOENT, nil},
		{syscall.EACCES, nil},
		{syscall.EPERM, nil},
	} {
		switch {
		case !errors.Is(err, k.errno) && !strings.HasSuffix(text, k.errno.Error()):
		case k.kind == nil:
			return k.errno
		default:
			return fmt.Errorf("%w: %w", k.kind, k.errno)
		}
	}
	return err
}
