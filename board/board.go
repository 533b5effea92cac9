package board

import (
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"
)

// Buses opens buses.
type Buses interface {
	// I2C opens the bus with the given device name, e.g. "/dev/i2c-1". Each call
	// gives a handle of its own, which the caller closes. The error is an *Error.
	I2C(device string) (i2c.BusCloser, error)
}

// Ports opens SPI ports.
type Ports interface {
	// SPI opens the port of one part, by its device name, e.g. "/dev/spidev0.0". The
	// error is an *Error.
	SPI(device string) (spi.PortCloser, error)
}

// BusOpener returns a function that opens the bus with the given device name, as
// the openers of sensors take it.
func BusOpener(b Buses, device string) func() (i2c.BusCloser, error) {
	return func() (i2c.BusCloser, error) { return b.I2C(device) }
}

// Lines takes lines for output.
type Lines interface {
	// Output takes a line and drives it to initial. The line is named as the
	// board names it ("GPIO17"), or by chip and number ("gpiochip0:17"). The name
	// is the output's own, for display. The error is an *Error.
	Output(name, line string, initial bool) (Output, error)
}

// Output is one line that the agent drives. Its methods are safe for concurrent
// use.
type Output interface {
	Name() string
	// Set drives the line. After an error the state is the one before.
	Set(on bool) error
	// On returns the state that was set last. The line is not asked.
	On() bool
	// Close gives the line back to the kernel, which decides its level from then on.
	Close() error
}
