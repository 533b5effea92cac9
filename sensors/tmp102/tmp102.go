// Package tmp102 reads TI's thermometers TMP102, TMP75 and TMP105, and the LM75
// that they come from, over I²C, at addresses 0x48 to 0x4f.
//
// The driver is periph's devices/v3/tmp102, which knows the TMP102. The others
// have a configuration of one byte: what the driver writes behind it would be
// taken for a configuration again, and can switch the part off; [Open] keeps it
// away. A part that lost its resolution with its supply, or was switched off by
// other software, is set up again on the spot. Datasheets: SBOS397 (TMP102), SBOS288 (TMP75), SNIS153 (LM75).
//
// # Limits
//
// For up to 0.3 s after it got its supply a part reads as 0 °C, which nothing
// tells from a measurement.
package tmp102

import (
	"context"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/tmp102"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConfig = 1
	shutdown  = 0x01 // in the first byte of the configuration
	twelve    = 0x60 // bits of resolution: TMP75, TMP105
	// firstConversion is the longest that a part takes for one (SNIS153).
	firstConversion = 300 * time.Millisecond
)

// Open returns an opener for the part of that kind at addr: "tmp102", "tmp75",
// "tmp105" or "lm75".
func Open(bus func() (i2c.BusCloser, error), addr uint16, kind string) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: kind, Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		return start(ctx, bus, addr, kind)
	}})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16, kind string) (chip.Measure, error) {
	var config [1]byte
	if err := bus.Tx(addr, []byte{regConfig}, config[:]); err != nil {
		return nil, err
	}
	whole, set := bus, byte(0)
	switch kind {
	case "tmp75", "tmp105":
		set = twelve
		bus = &narrow{whole, set}
	case "lm75":
		bus = &narrow{whole, set}
	}
	dev, err := tmp102.NewI2C(bus, addr, &tmp102.Opts{SampleRate: tmp102.RateFourHertz})
	if err != nil {
		return nil, err
	}
	if config[0]&shutdown != 0 {
		if err := chip.Pause(ctx, firstConversion); err != nil {
			return nil, err
		}
	}
	return func(context.Context) ([]sensors.Value, error) {
		var config [1]byte
		if err := whole.Tx(addr, []byte{regConfig}, config[:]); err != nil {
			return nil, err
		}
		if config[0]&shutdown != 0 || config[0]&set != set {
			return nil, chip.ErrForgot
		}
		var e physic.Env
		if err := dev.Sense(&e); err != nil {
			return nil, err
		}
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: e.Temperature.Celsius()}}, nil
	}, nil
}

// narrow is the bus of a part whose configuration is of one byte.
type narrow struct {
	i2c.Bus
	set byte // bits to set in the configuration
}

// Tx implements i2c.Bus.
func (n *narrow) Tx(addr uint16, w, r []byte) error {
	switch {
	case len(w) == 3 && w[0] == regConfig:
		return n.Bus.Tx(addr, []byte{regConfig, w[1] | n.set}, nil)
	case len(w) == 1 && w[0] == regConfig && len(r) == 2:
		r[1] = 0
		return n.Bus.Tx(addr, w, r[:1])
	}
	return n.Bus.Tx(addr, w, r)
}
