// Package hdc302x reads TI's sensors of temperature and humidity HDC3020, HDC3021
// and HDC3022 over I²C, at addresses 0x44 to 0x47 (SNAS793).
//
// The driver is our own: periph's devices/v3/hdc302x zeroes what it gives beside
// an error and has no way to start a part anew that lost its supply, which then
// acknowledges no reading. The part measures twice a second by itself; one that
// does not answer a reading is started again on the spot, once.
package hdc302x

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// first is the time to the first measurement after the start.
const first = 500 * time.Millisecond

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "hdc302x", Start: start})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	if err := bus.Tx(addr, []byte{0x22, 0x36}, nil); err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		var raw [2]uint16
		bad, err := chip.Words(bus, addr, []byte{0xE0, 0x00}, raw[:])
		switch {
		case errors.Is(err, chip.ErrChecksum):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", chip.ErrForgot, err)
		}
		return chip.Mark(chip.Climate(-45+175*chip.Fraction(raw[0]), 100*chip.Fraction(raw[1])), bad), nil
	}, chip.Pause(ctx, first)
}
