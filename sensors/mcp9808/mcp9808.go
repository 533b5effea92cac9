// Package mcp9808 reads Microchip's thermometer MCP9808 over I²C, at addresses
// 0x18 to 0x1f (DS25095).
//
// The driver is our own: periph's devices/v3/mcp9808 replaces bus errors by its
// own and reports 0 K beside them. Before anything is written, and after each
// measurement, the part must name its maker: other parts share these addresses, and
// a line that is held low reads as 0 °C. One that was switched off by other software
// is switched on again on the spot. A part reads as 0 °C for 0.25 s after it got its
// supply: exactly 0 is read again after that.
package mcp9808

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConfig      = 1
	regTemperature = 5
	regMaker       = 6
	microchip      = 0x0054
	shutdown       = 0x0100 // in the configuration
	// conversion is the time of one at the finest resolution, which is the one
	// after power-on.
	conversion = 250 * time.Millisecond
)

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "mcp9808", Start: start})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	if err := made(bus, addr); err != nil {
		return nil, err
	}
	if err := bus.Tx(addr, []byte{regConfig, 0, 0}, nil); err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, conversion); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]sensors.Value, error) {
		raw, err := chip.Settled(ctx, bus, addr, regTemperature, 0x1FFF, conversion)
		if err != nil {
			return nil, err
		}
		config, err := chip.Register(bus, addr, regConfig)
		switch {
		case err != nil:
			return nil, err
		case raw == 0xFFFF:
			return nil, chip.ErrFloats
		case config&shutdown != 0:
			return nil, chip.ErrForgot
		}
		if err := made(bus, addr); err != nil {
			return nil, err
		}
		// 13 bits with a sign, in sixteenths of a kelvin; above them three alarms.
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: float64(int16(raw<<3)) / 128}}, nil
	}, nil
}

// made asks a part for its maker.
func made(bus i2c.Bus, addr uint16) error {
	switch maker, err := chip.Register(bus, addr, regMaker); {
	case err != nil:
		return err
	case maker == 0xFFFF:
		return chip.ErrFloats
	case maker == 0:
		return chip.ErrHeld
	case maker != microchip:
		return chip.ErrStranger
	}
	return nil
}
