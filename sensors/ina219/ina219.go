// Package ina219 reads TI's meter of voltage, current and power INA219 over I²C,
// at addresses 0x40 to 0x4f (SBOS448G).
//
// The driver is our own: periph's devices/v3/ina219 sets the part to 16 V, where a
// battery of 24 V shows 16, and a part that lost its supply shows a current of 0
// and no error. Here it is 32 V; the current is that of the voltage across the
// shunt, which needs nothing that the part could forget; its settings are looked at
// in each sample and written anew when they are gone.
package ina219

import (
	"context"
	"math"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConfig  = 0
	regShunt   = 1
	regVoltage = 2
	// config: 32 V, 320 mV across the shunt, the average of 128 samples of each,
	// again and again.
	config = 0x3FFF
	// conversion is the time of one such measurement.
	conversion = 2 * 68100 * time.Microsecond

	voltPerStep  = 0.004
	shuntPerStep = 10e-6
	fullScale    = 32000 // steps
)

// Options says how the part is built in.
type Options struct {
	Shunt float64 // in ohms; default 0.1
}

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16, opt Options) sensors.Opener {
	if opt.Shunt == 0 {
		opt.Shunt = 0.1
	}
	return chip.Open(bus, addr, chip.Driver{Name: "ina219", Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		if err := bus.Tx(addr, []byte{regConfig, config >> 8, config & 0xFF}, nil); err != nil {
			return nil, err
		}
		measure := func(context.Context) ([]sensors.Value, error) { return opt.measure(bus, addr) }
		return measure, chip.Pause(ctx, conversion)
	}})
}

func (opt Options) measure(bus i2c.Bus, addr uint16) ([]sensors.Value, error) {
	var regs [3]uint16
	// The configuration last: what was read before it is of a part that had it.
	for _, i := range []byte{regShunt, regVoltage, regConfig} {
		var err error
		if regs[i], err = chip.Register(bus, addr, i); err != nil {
			return nil, err
		}
	}
	switch {
	case regs[regVoltage] == 0xFFFF:
		return nil, chip.ErrFloats
	case regs[regConfig] != config:
		return nil, chip.ErrForgot
	}
	steps := float64(int16(regs[regShunt]))
	volts, amps := float64(regs[regVoltage]>>3)*voltPerStep, steps*shuntPerStep/opt.Shunt
	vs := []sensors.Value{
		{Name: "voltage", Unit: "V", Num: volts},
		{Name: "current", Unit: "A", Num: amps},
		{Name: "power", Unit: "W", Num: volts * amps},
	}
	if math.Abs(steps) >= fullScale {
		for i := range vs[1:] {
			vs[1+i].Quality, vs[1+i].Reason = sensors.Suspect, "saturated"
		}
	}
	return vs, nil
}
