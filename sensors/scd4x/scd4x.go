// Package scd4x reads Sensirion's sensors of carbon dioxide SCD40 and SCD41 over
// I²C, at address 0x62 (SCD4x datasheet 1.4).
//
// The driver is our own: periph's devices/v3/scd4x holds the bus for up to six
// seconds until the part, which measures every five, has something, and for ever
// when the part lost its supply. Here it is asked whether there is a measurement.
// When there is none the last one is given again with its age, and after three
// measurements missed the part is started anew.
package scd4x

import (
	"context"
	"errors"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	every = 5 * time.Second
	// limit is of a set-up and of the wait for the first measurement: below the
	// deadline of a sampler.
	limit = 4800 * time.Millisecond
	// head is the part of the first wait that belongs to the set-up.
	head = 1500 * time.Millisecond
	// stopTakes and wakeTakes are how long the part hears nothing after it was
	// stopped or woken.
	stopTakes = 500 * time.Millisecond
	wakeTakes = 30 * time.Millisecond
)

// errFirst says that a part was started and has not measured yet.
var errFirst = errors.New("the first measurement is not there yet")

// Open returns an opener for the part at addr, which is 0x62.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "scd4x", Limit: limit, Start: start})
}

// part is one that measures.
type part struct {
	bus  i2c.Bus
	addr uint16
	last []sensors.Value // nil = none yet
	at   time.Time       // of last, or of the start
}

// start has the part measure. One that measures already hears nothing but the
// order to stop, one that sleeps acknowledges nothing before it is awake.
func start(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	if bus.Tx(addr, []byte{0x36, 0xF6}, nil) == nil {
		if err := chip.Pause(ctx, wakeTakes); err != nil {
			return nil, err
		}
	}
	if err := bus.Tx(addr, []byte{0x3F, 0x86}, nil); err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, stopTakes); err != nil {
		return nil, err
	}
	if err := bus.Tx(addr, []byte{0x21, 0xB1}, nil); err != nil {
		return nil, err
	}
	p := &part{bus: bus, addr: addr, at: time.Now()}
	return p.measure, chip.Pause(ctx, head)
}

func (p *part) measure(ctx context.Context) ([]sensors.Value, error) {
	for {
		var state [1]uint16
		_, err := chip.Words(p.bus, p.addr, []byte{0xE4, 0xB8}, state[:])
		switch {
		case err != nil:
			return nil, err
		case state[0]&0x07FF != 0:
			return p.read()
		case time.Since(p.at) > 3*every:
			return nil, chip.ErrForgot
		case p.last != nil:
			again := slices.Clone(p.last)
			for i := range again {
				again[i].Age = time.Since(p.at)
			}
			return again, nil
		case chip.Pause(ctx, 100*time.Millisecond) != nil:
			return nil, errFirst
		}
	}
}

func (p *part) read() ([]sensors.Value, error) {
	var raw [3]uint16
	bad, err := chip.Words(p.bus, p.addr, []byte{0xEC, 0x05}, raw[:])
	if err != nil {
		return nil, err
	}
	p.last = append([]sensors.Value{{Name: "co2", Unit: "[ppm]", Num: float64(raw[0])}},
		chip.Climate(-45+175*chip.Fraction(raw[1]), 100*chip.Fraction(raw[2]))...)
	p.last, p.at = chip.Mark(p.last, bad), time.Now()
	return slices.Clone(p.last), nil
}
