// Package mcp9808 reads Microchip's thermometer MCP9808 over I²C, at addresses
// 0x18 to 0x1f (DS25095).
//
// The driver is periph's devices/v3/mcp9808. It reports 0 K together with an
// error and replaces bus errors by its own; [Open] takes no value that comes with
// an error, and tells what the bus said. Before anything is written the part must
// name its maker: other parts share these addresses.
package mcp9808

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/mcp9808"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regMaker  = 6
	microchip = 0x0054
	// conversion is the time of one at the finest resolution.
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
	dev, err := mcp9808.New(bus, &mcp9808.Opts{Addr: int(addr), Res: mcp9808.Maximum})
	if err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, conversion); err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		t, err := dev.SenseTemp()
		if err != nil {
			return nil, err
		}
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: t.Celsius()}}, nil
	}, nil
}
