// Package bh1750 reads ROHM's sensor of light BH1750FVI over I²C, at address
// 0x23, or 0x5c with ADDR high (BH1750FVI datasheet, 2011.11 Rev.D).
//
// The driver is our own: a part is down after power-on and forgets commands until
// it is switched on, which other drivers leave out, and one that lost its supply
// reads as darkness. Each sample switches it on, takes one measurement of 1 lx
// and switches it off, which it must acknowledge. Darkness is measured twice.
//
// The converter ends at 54612 lx, less than the sun at noon: from there on the
// value is suspect, "saturated". A line that nobody drives looks the same, and one
// that is held low looks like darkness.
package bh1750

import (
	"context"
	"encoding/binary"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	powerDown = 0x00
	powerOn   = 0x01
	oneHRes   = 0x20                   // one measurement in H-resolution mode
	takes     = 180 * time.Millisecond // at most (page 2)
	perLux    = 1.2                    // counts (page 7)
)

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "bh1750", OnesAreData: true, ZerosAreData: true, Start: func(_ context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		return func(ctx context.Context) ([]sensors.Value, error) { return measure(ctx, bus, addr) },
			bus.Tx(addr, []byte{powerOn}, nil)
	}})
}

func measure(ctx context.Context, bus i2c.Bus, addr uint16) ([]sensors.Value, error) {
	raw, err := convert(ctx, bus, addr)
	if err == nil && raw == 0 {
		raw, err = convert(ctx, bus, addr)
	}
	if err != nil {
		return nil, err
	}
	v := sensors.Value{Name: "illuminance", Unit: "lx", Num: float64(raw) / perLux}
	if raw == 0xFFFF {
		v.Quality, v.Reason = sensors.Suspect, "saturated"
	}
	return []sensors.Value{v}, nil
}

func convert(ctx context.Context, bus i2c.Bus, addr uint16) (uint16, error) {
	for _, command := range []byte{powerOn, oneHRes} {
		if err := bus.Tx(addr, []byte{command}, nil); err != nil {
			return 0, err
		}
	}
	if err := chip.Pause(ctx, takes); err != nil {
		return 0, err
	}
	var r [2]byte
	if err := bus.Tx(addr, nil, r[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(r[:]), bus.Tx(addr, []byte{powerDown}, nil)
}
