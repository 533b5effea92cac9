// Package sht reads Sensirion's sensors of temperature and humidity SHT30, SHT31
// and SHT35, at addresses 0x44 and 0x45 (SHT3x-DIS datasheet, version 7), and
// SHT40, SHT41 and SHT45, at addresses 0x44 to 0x46 (SHT4x datasheet, version 6.6).
//
// The drivers are our own: each sample is one measurement of high repeatability,
// so a part keeps no settings that it could lose. Each of the two values has a
// checksum; one that is wrong makes its value bad, two make an error.
package sht

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// family is what tells the two apart.
type family struct {
	name    string
	command []byte        // one measurement, without stretching the clock
	takes   time.Duration // at most
	lo, hi  float64       // ends of the humidity's scale, in %
}

// Open3x returns an opener for the SHT3x at addr.
func Open3x(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return open(bus, addr, family{"sht3x", []byte{0x24, 0x00}, 15500 * time.Microsecond, 0, 100})
}

// Open4x returns an opener for the SHT4x at addr.
func Open4x(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return open(bus, addr, family{"sht4x", []byte{0xFD}, 8300 * time.Microsecond, -6, 119})
}

func open(bus func() (i2c.BusCloser, error), addr uint16, f family) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: f.name, Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		measure := func(ctx context.Context) ([]sensors.Value, error) { return f.measure(ctx, bus, addr) }
		_, err := measure(ctx) // a part that is not there is told of at once
		return measure, err
	}})
}

func (f family) measure(ctx context.Context, bus i2c.Bus, addr uint16) ([]sensors.Value, error) {
	if err := bus.Tx(addr, f.command, nil); err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, f.takes); err != nil {
		return nil, err
	}
	var raw [2]uint16
	bad, err := chip.Words(bus, addr, nil, raw[:])
	if err != nil {
		return nil, err
	}
	// The scale of an SHT4x reaches a little beyond what there is, which is cut
	// off as its datasheet says.
	humidity := min(max(f.lo+(f.hi-f.lo)*chip.Fraction(raw[1]), 0), 100)
	return chip.Mark(chip.Climate(-45+175*chip.Fraction(raw[0]), humidity), bad), nil
}
