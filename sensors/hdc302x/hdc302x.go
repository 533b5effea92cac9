// Package hdc302x reads TI's sensors of temperature and humidity HDC3020, HDC3021
// and HDC3022 over I²C, at addresses 0x44 to 0x47 (SNAS793).
//
// The driver is periph's devices/v3/hdc302x; the part measures twice a second by
// itself. A part that lost its supply does not, and acknowledges no reading:
// [Open] starts it again on the spot, once.
package hdc302x

import (
	"context"
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/hdc302x"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "hdc302x", Limit: 3 * time.Second, Start: start})
}

func start(_ context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	dev, err := hdc302x.NewI2C(bus, addr, hdc302x.RateTwoHertz)
	if err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		var e physic.Env
		err := dev.Sense(&e)
		switch {
		case err == nil:
			return chip.Climate(e), nil
		case strings.Contains(err.Error(), "invalid crc"):
			return nil, chip.ErrChecksum
		default:
			return nil, fmt.Errorf("%w: %w", chip.ErrForgot, err)
		}
	}, nil
}
