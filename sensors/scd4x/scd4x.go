// Package scd4x reads Sensirion's sensors of carbon dioxide SCD40 and SCD41 over
// I²C, at address 0x62 (SCD4x datasheet 1.4).
//
// The driver is periph's devices/v3/scd4x. It waits up to six seconds for the part,
// which measures every five, and for ever for one that lost its supply; [Open] asks
// first whether there is a measurement. When there is none the last one is given
// again with its age, and after three measurements missed the part is started anew.
package scd4x

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/scd4x"

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
	dev  *scd4x.Dev
	last []sensors.Value // nil = none yet
	at   time.Time       // of last, or of the start
}

func start(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	dev, err := scd4x.NewI2C(bus, addr)
	if err != nil {
		return nil, err
	}
	p := &part{bus: bus, addr: addr, dev: dev, at: time.Now()}
	return p.measure, chip.Pause(ctx, head)
}

func (p *part) measure(ctx context.Context) ([]sensors.Value, error) {
	for {
		ready, err := p.ready()
		switch {
		case err != nil:
			return nil, err
		case ready:
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

// ready reports whether there is a measurement (get_data_ready_status).
func (p *part) ready() (bool, error) {
	var state [1]uint16
	_, err := chip.Words(p.bus, p.addr, []byte{0xE4, 0xB8}, state[:])
	return state[0]&0x07FF != 0, err
}

func (p *part) read() ([]sensors.Value, error) {
	var e scd4x.Env
	if err := p.dev.Sense(&e); err != nil {
		if strings.Contains(err.Error(), "invalid crc") {
			err = chip.ErrChecksum
		}
		return nil, err
	}
	p.last, p.at = append([]sensors.Value{{Name: "co2", Unit: "[ppm]", Num: float64(e.CO2)}}, chip.Climate(e.Env)...), time.Now()
	return slices.Clone(p.last), nil
}
