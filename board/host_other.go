//go:build !linux

package board

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"
)

// HostBoard is the board the program runs on. Buses and lines are supported on
// Linux only.
type HostBoard struct{}

// Host returns the board the program runs on.
func Host() *HostBoard { return &HostBoard{} }

// I2C implements Buses: it is an error on this platform.
func (*HostBoard) I2C(device string) (i2c.BusCloser, error) {
	return nil, &Error{Op: "open", Thing: device, Err: unsupported()}
}

// SPI implements Ports: it is an error on this platform.
func (*HostBoard) SPI(device string) (spi.PortCloser, error) {
	return nil, &Error{Op: "open", Thing: device, Err: unsupported()}
}

// Output implements Lines: it is an error on this platform.
func (*HostBoard) Output(name, line string, initial bool) (Output, error) {
	return nil, &Error{Op: "take", Thing: "line " + line, Err: unsupported()}
}

// Watchdog implements Watchdogs: it is an error on this platform.
func (*HostBoard) Watchdog(device string, timeout time.Duration) (Watchdog, error) {
	return nil, &Error{Op: "open", Thing: "watchdog " + device, Err: unsupported()}
}

// MayReboot implements Power: it is an error on this platform.
func (*HostBoard) MayReboot() error { return &Error{Op: "reboot", Thing: "board", Err: unsupported()} }

// Reboot implements Power: it is an error on this platform.
func (h *HostBoard) Reboot() error { return h.MayReboot() }

func unsupported() error {
	return fmt.Errorf("hardware of %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Input implements Inputs: it is an error on this platform.
func (*HostBoard) Input(name, line string, opt InputOptions) (Input, error) {
	return nil, &Error{Op: "take", Thing: "line " + line, Err: unsupported()}
}
