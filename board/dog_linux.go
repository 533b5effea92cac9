package board

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dogAssumed is how long a watchdog waits that does not say, in seconds: shorter
// than any that is built.
const dogAssumed = 4

// Watchdog implements Watchdogs by the kernel's interface (Documentation/watchdog/watchdog-api.rst).
func (*HostBoard) Watchdog(device string, timeout time.Duration) (Watchdog, error) {
	return openDog(device, timeout, ioctl)
}

type hostDog struct {
	device  string
	fd      int
	ioctl   func(fd int, request uint, arg unsafe.Pointer) error
	timeout time.Duration
	fault   error
}

// openDog opens a device. One that is no watchdog takes no order and is let go.
func openDog(device string, timeout time.Duration, ioctl func(int, uint, unsafe.Pointer) error) (Watchdog, error) {
	fail := func(err error) (Watchdog, error) {
		return nil, &Error{Op: "open", Thing: "watchdog " + device, Err: kindOf(err)}
	}
	fd, err := unix.Open(device, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	d := &hostDog{device: device, fd: fd, ioctl: ioctl}
	seconds := int32((timeout + time.Second - 1) / time.Second)
	set := ioctl(fd, unix.WDIOC_SETTIMEOUT, unsafe.Pointer(&seconds))
	if errors.Is(set, unix.ENOTTY) {
		_ = unix.Close(fd)
		return fail(fmt.Errorf("not a watchdog: %w", set))
	}
	is := int32(dogAssumed)
	if err := ioctl(fd, unix.WDIOC_GETTIMEOUT, unsafe.Pointer(&is)); err != nil || is <= 0 {
		is = dogAssumed
	}
	d.timeout = time.Duration(is) * time.Second
	if set != nil {
		d.fault = &Error{Op: "set", Thing: "timeout of watchdog " + device, Err: fmt.Errorf("to %s, it waits for %s: %w", timeout, d.timeout, set)}
	}
	return d, nil
}

func (d *hostDog) Feed() error {
	var ignored int32
	if err := d.ioctl(d.fd, unix.WDIOC_KEEPALIVE, unsafe.Pointer(&ignored)); err != nil {
		return &Error{Op: "feed", Thing: "watchdog " + d.device, Err: kindOf(err)}
	}
	return nil
}

func (d *hostDog) Timeout() time.Duration { return d.timeout }

func (d *hostDog) Fault() error { return d.fault }

// Stop writes the V without which the kernel goes on watching a device that was
// closed ("magic close").
func (d *hostDog) Stop() error {
	_, err := unix.Write(d.fd, []byte("V"))
	if err = errors.Join(err, unix.Close(d.fd)); err != nil {
		return &Error{Op: "stop", Thing: "watchdog " + d.device, Err: err}
	}
	return nil
}
