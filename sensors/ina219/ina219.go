// Package ina219 reads TI's meter of voltage, current and power INA219 over I²C,
// at addresses 0x40 to 0x4f (SBOS448G).
//
// The driver is periph's devices/v3/ina219. It sets the part to 16 V, where a
// battery of 24 V shows 16; [Open] sets 32 V. A part that lost its supply shows a
// current of 0 and no error: before each measurement its settings are looked at,
// and written anew when they are gone.
package ina219

import (
	"context"
	"math"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/ina219"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConfig      = 0
	regCalibration = 5
	// config: 32 V, 320 mV across the shunt, the average of 128 samples of each,
	// again and again.
	config = 0x3FFF
	// conversion is the time of one such measurement.
	conversion = 2 * 68100 * time.Microsecond
	// fullScale is the largest voltage across the shunt that can be measured.
	fullScale = 0.32
)

// Options says how the part is built in.
type Options struct {
	Shunt      float64 // in ohms; default 0.1
	MaxCurrent float64 // largest current to expect, in A: its resolution is a 32768th of it; default 3.2
}

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16, opt Options) sensors.Opener {
	if opt.Shunt == 0 {
		opt.Shunt = 0.1
	}
	if opt.MaxCurrent == 0 {
		opt.MaxCurrent = 3.2
	}
	return chip.Open(bus, addr, chip.Driver{Name: "ina219", Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		return start(ctx, bus, addr, opt)
	}})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16, opt Options) (chip.Measure, error) {
	dev, err := ina219.New(bus, &ina219.Opts{
		Address:       int(addr),
		SenseResistor: physic.ElectricResistance(opt.Shunt * float64(physic.Ohm)),
		MaxCurrent:    physic.ElectricCurrent(opt.MaxCurrent * float64(physic.Ampere)),
	})
	if err != nil {
		return nil, err
	}
	if err := bus.Tx(addr, []byte{regConfig, config >> 8, config & 0xFF}, nil); err != nil {
		return nil, err
	}
	if err := chip.Pause(ctx, conversion); err != nil {
		return nil, err
	}
	return func(context.Context) ([]sensors.Value, error) {
		for _, reg := range []byte{regConfig, regCalibration} {
			switch is, err := chip.Register(bus, addr, reg); {
			case err != nil:
				return nil, err
			case reg == regConfig && is == 0xFFFF:
				return nil, chip.ErrFloats
			case reg == regConfig && is != config, is == 0:
				return nil, chip.ErrForgot
			}
		}
		m, err := dev.Sense()
		if err != nil {
			return nil, err
		}
		return values(m), nil
	}, nil
}

// values converts what the driver gave. The part shows power without a sign.
func values(m ina219.PowerMonitor) []sensors.Value {
	current := sensors.Value{Name: "current", Unit: "A", Num: float64(m.Current) / float64(physic.Ampere)}
	power := sensors.Value{Name: "power", Unit: "W", Num: math.Copysign(float64(m.Power)/float64(physic.Watt), current.Num)}
	if math.Abs(float64(m.Shunt)/float64(physic.Volt)) >= fullScale {
		current.Quality, current.Reason = sensors.Suspect, "saturated"
		power.Quality, power.Reason = sensors.Suspect, "saturated"
	}
	return []sensors.Value{{Name: "voltage", Unit: "V", Num: float64(m.Voltage) / float64(physic.Volt)}, current, power}
}
