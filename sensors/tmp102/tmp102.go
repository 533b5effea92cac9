// Package tmp102 reads TI's thermometers TMP102, TMP75 and TMP105, and the LM75
// that they come from, over I²C, at addresses 0x48 to 0x4f.
//
// The driver is our own: periph's devices/v3/tmp102 writes the TMP102's
// configuration of two bytes to the others too, which have one, and what they make
// of the second is theirs to choose. Here it is as wide as the part's, and only the
// bits that switch the part off and choose its resolution are touched, and the one
// that gives a TMP102's temperature another scale. A part that was switched off or
// rescaled by other software, or lost its resolution with its supply, is set up again
// on the spot. For up to 0.3 s after it got its supply a part reads as 0 °C: exactly 0
// is read again after that.
// Datasheets: SBOS397 (TMP102), SBOS288 (TMP75), SBOS648 (TMP105), SNIS153 (LM75).
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
	regLimit       = 3    // 80 °C after power-on
	shutdown       = 0x01 // in the first byte of the configuration
	oneShot        = 0x80 // reads 0 or 1 as the part likes
	twelve         = 0x60 // bits of resolution: TMP75, TMP105
	extended       = 0x10 // in the second byte, of a TMP102: 13 bits
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
	switch {
	case config[0] == 0xFF:
		return nil, chip.ErrFloats
	case width == 2 && config[0]&twelve == 0: // which are always set there
		return nil, chip.ErrHeld
	case !inOrder(config, set):
		config[0] = config[0]&^(shutdown|oneShot) | set
		if width == 2 {
			config[1] &^= extended
		}
		if err := bus.Tx(addr, append([]byte{regConfig}, config...), nil); err != nil {
			return nil, err
		}
		if err := chip.Pause(ctx, firstConversion); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) ([]sensors.Value, error) {
		raw, err := chip.Settled(ctx, bus, addr, regTemperature, 0xFFFF, firstConversion)
		if err != nil {
			return nil, err
		}
		if raw == 0xFFFF { // the lower bits of a measurement are 0
			return nil, chip.ErrFloats
		}
		// Last, so that a part that is gone by then has measured nothing.
		if err := bus.Tx(addr, []byte{regConfig}, config); err != nil {
			return nil, err
		}
		if raw == 0 { // a limit is not, which tells a frozen part from a line that is held low
			if _, err := chip.Register(bus, addr, regLimit); err != nil {
				return nil, err
			}
		}
		if !inOrder(config, set) {
			return nil, chip.ErrForgot
		}
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: float64(int16(raw)) / 256}}, nil
	}, nil
}

// inOrder reports whether a part measures, and as its temperature is read.
func inOrder(config []byte, set byte) bool {
	return config[0]&shutdown == 0 && config[0]&set == set && (len(config) == 1 || config[1]&extended == 0)
}
