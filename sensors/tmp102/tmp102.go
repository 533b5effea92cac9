// Package tmp102 reads TI's thermometers TMP102, TMP75 and TMP105, and the LM75
// that they come from, over I²C, at addresses 0x48 to 0x4f.
//
// The driver is our own: periph's devices/v3/tmp102 writes the TMP102's
// configuration of two bytes to the others too, which have one, and what they make
// of the second is theirs to choose. Here it is as wide as the part's, and only the
// bits that switch the part off and choose its resolution are touched. A part that
// was switched off by other software, or lost its resolution with its supply, is
// set up again on the spot.
// Datasheets: SBOS397 (TMP102), SBOS288 (TMP75), SBOS648 (TMP105), SNIS153 (LM75).
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

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regTemperature = 0
	regConfig      = 1
	shutdown       = 0x01 // in the first byte of the configuration
	oneShot        = 0x80 // reads 0 or 1 as the part likes
	twelve         = 0x60 // bits of resolution: TMP75, TMP105
	// firstConversion is the longest that a part takes for one (SNIS153).
	firstConversion = 300 * time.Millisecond
)

// Open returns an opener for the part of that kind at addr: "tmp102", "tmp75",
// "tmp105" or "lm75".
func Open(bus func() (i2c.BusCloser, error), addr uint16, kind string) sensors.Opener {
	width, set := 1, byte(0)
	if kind == "tmp102" {
		width = 2
	}
	if kind == "tmp75" || kind == "tmp105" {
		set = twelve
	}
	return chip.Open(bus, addr, chip.Driver{Name: kind, Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		return start(ctx, bus, addr, width, set)
	}})
}

func start(ctx context.Context, bus i2c.Bus, addr uint16, width int, set byte) (chip.Measure, error) {
	config := make([]byte, width)
	if err := bus.Tx(addr, []byte{regConfig}, config); err != nil {
		return nil, err
	}
	if config[0]&shutdown != 0 || config[0]&set != set {
		config[0] = config[0]&^(shutdown|oneShot) | set
		if err := bus.Tx(addr, append([]byte{regConfig}, config...), nil); err != nil {
			return nil, err
		}
		if err := chip.Pause(ctx, firstConversion); err != nil {
			return nil, err
		}
	}
	return func(context.Context) ([]sensors.Value, error) {
		if err := bus.Tx(addr, []byte{regConfig}, config); err != nil {
			return nil, err
		}
		raw, err := chip.Register(bus, addr, regTemperature)
		switch {
		case err != nil:
			return nil, err
		case raw == 0xFFFF: // the lower bits of a measurement are 0
			return nil, chip.ErrFloats
		case config[0]&shutdown != 0 || config[0]&set != set:
			return nil, chip.ErrForgot
		}
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: float64(int16(raw)) / 256}}, nil
	}, nil
}
