// Package aht20 reads ASAIR's sensor of temperature and humidity AHT20 over I²C,
// at address 0x38 (AHT20 product manual A1).
//
// The driver is our own: periph's devices/v3/aht20 does the same and leaves a part
// that lost its supply to its caller, who must initialise it again. Here that is
// done on the spot.
package aht20

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	busy        = 0x80 // in the status
	initialised = 0x08
	takes       = 80 * time.Millisecond
	again       = 10 * time.Millisecond // between two looks at the status
)

// Open returns an opener for the part at addr, which is 0x38.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "aht20", Limit: 500 * time.Millisecond, Start: start})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	var status [1]byte
	if err := bus.Tx(addr, []byte{0x71}, status[:]); err != nil {
		return nil, err
	}
	if status[0]&initialised == 0 {
		if err := bus.Tx(addr, []byte{0xBE, 0x08, 0x00}, nil); err != nil {
			return nil, err
		}
		if err := chip.Pause(ctx, again); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) ([]sensors.Value, error) { return measure(ctx, bus, addr) }, nil
}

func measure(ctx context.Context, bus i2c.Bus, addr uint16) ([]sensors.Value, error) {
	if err := bus.Tx(addr, []byte{0xAC, 0x33, 0x00}, nil); err != nil {
		return nil, err
	}
	for pause := takes; ; pause = again {
		if err := chip.Pause(ctx, pause); err != nil {
			return nil, err
		}
		var f [7]byte
		if err := bus.Tx(addr, nil, f[:]); err != nil {
			return nil, err
		}
		switch {
		case chip.CRC8(f[:6]) != f[6]:
			return nil, chip.ErrChecksum
		case f[0]&initialised == 0:
			return nil, chip.ErrForgot
		case f[0]&busy != 0:
			continue
		}
		h := uint32(f[1])<<12 | uint32(f[2])<<4 | uint32(f[3])>>4
		t := uint32(f[3])&0xF<<16 | uint32(f[4])<<8 | uint32(f[5])
		if h == 0 && t == 0 { // below what it measures: nothing was
			return nil, chip.ErrForgot
		}
		return chip.Climate(float64(t)/(1<<20)*200-50, float64(h)/(1<<20)*100), nil
	}
}
