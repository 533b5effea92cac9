package board

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Kinds of failure that callers and hints tell apart, next to fs.ErrNotExist,
// fs.ErrPermission and errors.ErrUnsupported.
var (
	// ErrNoAck: no part answered at that address.
	ErrNoAck = errors.New("no acknowledgement")
	// ErrBusTimeout: the bus was held too long, by a part that stretches the clock or a short circuit.
	ErrBusTimeout = errors.New("bus timed out")
	// ErrIO: the adapter failed or was unplugged; its handle is of no more use.
	ErrIO = errors.New("bus adapter failed")
	// ErrInUse: something else drives that line.
	ErrInUse = errors.New("in use")
	// ErrGone: the GPIO chip was unplugged or its driver removed; the line has to be taken anew.
	ErrGone = errors.New("line is gone")
	// ErrClosed: the bus or output was closed.
	ErrClosed = errors.New("closed")
)

// BoundError says that a kernel driver has a part. It is an ErrInUse.
type BoundError struct {
	Driver string // "bmp280"
	Device string // "1-0076"
}

// Error implements error.
func (e *BoundError) Error() string {
	return fmt.Sprintf("the part belongs to kernel driver %s", e.Driver)
}

// Unwrap makes it an ErrInUse.
func (e *BoundError) Unwrap() error { return ErrInUse }

// Error is what failed on which part of the board.
type Error struct {
	Op    string // "open", "transfer", "take", "set"
	Thing string // "/dev/i2c-1", "/dev/i2c-1 address 0x76", "line GPIO17"
	Err   error  // the cause; one of the kinds above is in its chain when it is known
}

// dogHint is the next move about a watchdog.
func (e *Error) dogHint() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		return "on a Raspberry Pi enable it with dtparam=watchdog=on in config.txt and reboot; elsewhere load its driver, or softdog"
	case errors.Is(e.Err, fs.ErrPermission):
		return "let the agent's user open it, with a udev rule or as root"
	case errors.Is(e.Err, ErrInUse):
		return "another program feeds it: set RuntimeWatchdogSec=off in systemd's system.conf, or leave board.watchdog out and let systemd watch the agent"
	case e.Op == "set":
		return "set board.watchdog_timeout to what the device can; that of a Raspberry Pi waits 15s at most"
	case e.Op == "open":
		return "name the device of a watchdog, as /dev/watchdog is"
	}
	return ""
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Thing, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Gone reports whether the adapter is: handles on it are of no more use, and keep
// the kernel from taking it away.
func (e *Error) Gone() bool { return errors.Is(e.Err, ErrIO) }

// Hint returns the next move of a technician, or "".
func (e *Error) Hint() string {
	if e.Op == "reboot" {
		return "run the agent by the unit of its Debian package, as root, as a user that polkit lets reboot, or with AmbientCapabilities=CAP_SYS_BOOT"
	}
	switch {
	case strings.Contains(e.Thing, "watchdog "):
		return e.dogHint()
	case strings.HasPrefix(e.Thing, "light "):
		return "name a folder of /sys/class/leds or a line, which the agent's user may write"
	}
	var bound *BoundError
	isPort := strings.HasPrefix(e.Thing, "/dev/spidev")
	isBus := strings.HasPrefix(e.Thing, "/dev/i2c")
	switch {
	case errors.Is(e.Err, errors.ErrUnsupported) && isBus:
		return "the adapter speaks SMBus only, or this platform has no I²C; use a real I²C bus"
	case errors.Is(e.Err, fs.ErrNotExist) && isBus:
		return "on a Raspberry Pi enable it with dtparam=i2c_arm=on in config.txt and reboot; otherwise load i2c-dev (modprobe i2c-dev) and check the number with ls /dev/i2c-*"
	case errors.Is(e.Err, fs.ErrNotExist) && isPort:
		return "on a Raspberry Pi enable it with dtparam=spi=on in config.txt and reboot; check the number with ls /dev/spidev*"
	case errors.Is(e.Err, fs.ErrPermission) && isPort:
		return "add the agent's user to group spi (SupplementaryGroups=spi in the unit), or pass the device into the container"
	case errors.Is(e.Err, fs.ErrNotExist):
		return "list lines with gpioinfo; name one by its name or as gpiochip0:17"
	case errors.Is(e.Err, fs.ErrPermission) && isBus:
		return "add the agent's user to group i2c (SupplementaryGroups=i2c in the unit), or pass the device into the container"
	case errors.Is(e.Err, fs.ErrPermission):
		return "add the agent's user to group gpio (SupplementaryGroups=gpio in the unit), or pass /dev/gpiochip* into the container"
	case errors.Is(e.Err, ErrNoAck):
		return "no part answers at this address: check the address, the wiring (SDA, SCL, ground) and the part's supply"
	case errors.Is(e.Err, ErrBusTimeout):
		return "a part holds the bus: check for a short circuit and missing pull-ups, then power-cycle the part"
	case errors.Is(e.Err, ErrIO):
		return "the bus adapter failed or was unplugged: plug it in again; the bus is opened anew by itself"
	case errors.Is(e.Err, ErrGone):
		return "the GPIO chip was unplugged or its driver removed: plug it in again; the line is taken anew at its next use"
	case errors.As(e.Err, &bound) && bound.Driver == "ds2482":
		return fmt.Sprintf("read its thermometers the kernel's way, with source = \"ds18b20\" and no bus; or take it from the kernel: echo %s > /sys/bus/i2c/drivers/ds2482/unbind", bound.Device)
	case errors.As(e.Err, &bound):
		return fmt.Sprintf("read it the kernel's way, with source = \"iio\" or \"hwmon\"; or take it from the kernel: echo %s > /sys/bus/i2c/drivers/%s/unbind", bound.Device, bound.Driver)
	case errors.Is(e.Err, ErrInUse):
		return "another program or a kernel driver holds the line; gpioinfo shows which"
	}
	return ""
}
