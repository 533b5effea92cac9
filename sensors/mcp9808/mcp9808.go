// Package mcp9808 reads Microchip's thermometer MCP9808 over I²C, at addresses
// 0x18 to 0x1f (DS25095).
//
// The driver is our own: periph's devices/v3/mcp9808 replaces bus errors by its
// own and reports 0 K beside them. Before anything is written the part must name
// its maker: other parts share these addresses. One that was switched off by other
// software is switched on again on the spot.
//
// # Limits
//
// For 0.25 s after it got its supply the part reads as 0 °C, which nothing tells
// from a measurement.
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
	maker, err := chip.Register(bus, addr, regMaker)
	if err != nil {
		return nil, err
	}
	if maker != microchip && maker != 0xFFFF {
		return nil, chip.ErrStranger
	}
	if err := bus.Tx(addr, []byte{regConfig, 0, 0}, nil); err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, conversion); err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		config, err := chip.Register(bus, addr, regConfig)
		if err != nil {
			return nil, err
		}
		raw, err := chip.Register(bus, addr, regTemperature)
		switch {
		case err != nil:
			return nil, err
		case raw == 0xFFFF:
			return nil, chip.ErrFloats
		case config&shutdown != 0:
			return nil, chip.ErrForgot
		}
		// 13 bits with a sign, in sixteenths of a kelvin; above them three alarms.
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: float64(int16(raw<<3)) / 128}}, nil
	}, nil
}
