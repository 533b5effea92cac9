// Package aht20 reads ASAIR's sensor of temperature and humidity AHT20 over I²C,
// at address 0x38 (AHT20 product manual A1).
//
// The driver is periph's devices/v3/aht20. A part that lost its supply must be
// initialised again, which the driver leaves to its caller: [Open] does it on the
// spot.
package aht20

import (
	"context"
	"errors"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/aht20"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// Open returns an opener for the part at addr, which is 0x38.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "aht20", Start: start})
}

func start(_ context.Context, bus i2c.Bus, _ uint16) (chip.Measure, error) {
	dev, err := aht20.NewI2C(bus, &aht20.DefaultOpts)
	if err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		var e physic.Env
		if err := dev.Sense(&e); err != nil {
			return nil, kindOf(err)
		}
		return chip.Climate(e), nil
	}, nil
}

// kindOf names what the driver says.
func kindOf(err error) error {
	var corrupt *aht20.DataCorruptionError
	var forgot *aht20.NotInitializedError
	var late *aht20.ReadTimeoutError
	switch {
	case errors.As(err, &corrupt):
		return chip.ErrChecksum
	case errors.As(err, &forgot):
		return chip.ErrForgot
	case errors.As(err, &late):
		return chip.ErrBusy
	}
	return err
}
