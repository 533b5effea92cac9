// Package ads1x15 reads TI's analogue-to-digital converters ADS1115 (16 bits,
// SBAS444) and ADS1015 (12 bits, SBAS473) over I²C, at addresses 0x48 to 0x4b.
//
// The driver is periph's devices/v3/ads1x15. It waits for the nominal time of a
// conversion, while the part's own clock may be a tenth slow: then it reads the
// last result, which is another channel's. [Open] asks the part whether it is
// done. A voltage at the end of its range is suspect, "saturated".
package ads1x15

import (
	"context"
	"fmt"
	"math"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/ads1x15"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConversion = 0
	regConfig     = 1
	done          = 0x8000 // in regConfig
	// rate is that of conversions, at least: 64 or, of an ADS1015, 128 a second.
	rate = 64 * physic.Hertz
)

// Channel is one voltage to measure.
type Channel struct {
	Name  string  // of the value
	Unit  string  // of the value, after its calibration; default V
	Input string  // "0" to "3", or a difference: "0-1", "0-3", "1-3", "2-3"
	Range float64 // largest voltage to expect, in V, at most 6.144; default 4.096
}

// Options says which part it is and what is measured.
type Options struct {
	TwelveBits bool // the part is an ADS1015
	Channels   []Channel
}

// Open returns an opener for the part at addr.
func Open(bus func() (i2c.BusCloser, error), addr uint16, opt Options) sensors.Opener {
	name := "ads1115"
	if opt.TwelveBits {
		name = "ads1015"
	}
	return chip.Open(bus, addr, chip.Driver{Name: name, OnesAreData: true, Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		return start(bus, addr, opt)
	}})
}

func start(bus i2c.Bus, addr uint16, opt Options) (chip.Measure, error) {
	newDev := ads1x15.NewADS1115
	if opt.TwelveBits {
		newDev = ads1x15.NewADS1015
	}
	dev, err := newDev(&settled{bus}, &ads1x15.Opts{I2cAddress: addr})
	if err != nil {
		return nil, err
	}
	if _, err := chip.Register(bus, addr, regConfig); err != nil {
		return nil, err
	}
	pins := make([]ads1x15.PinADC, len(opt.Channels))
	for i, c := range opt.Channels {
		if c.Range == 0 {
			c.Range = 4.096
		}
		input, ok := inputs()[c.Input]
		if !ok {
			return nil, fmt.Errorf("no input %q", c.Input)
		}
		pins[i], err = dev.PinForChannel(input, physic.ElectricPotential(c.Range*float64(physic.Volt)), rate, ads1x15.BestQuality)
		if err != nil {
			return nil, err
		}
	}
	return func(context.Context) ([]sensors.Value, error) {
		var vs []sensors.Value
		for i, pin := range pins {
			sample, err := pin.Read()
			if err != nil {
				return nil, err
			}
			v := sensors.Value{Name: opt.Channels[i].Name, Unit: opt.Channels[i].Unit, Num: float64(sample.V) / float64(physic.Volt)}
			if v.Unit == "" {
				v.Unit = "V"
			}
			if top := int32(math.MaxInt16) &^ step(opt); sample.Raw >= top || sample.Raw == math.MinInt16 {
				v.Quality, v.Reason = sensors.Suspect, "saturated"
			}
			vs = append(vs, v)
		}
		return vs, nil
	}, nil
}

// step is what the bits of a result cannot show.
func step(opt Options) int32 {
	if opt.TwelveBits {
		return 0xF
	}
	return 0
}

func inputs() map[string]ads1x15.Channel {
	return map[string]ads1x15.Channel{
		"0": ads1x15.Channel0, "1": ads1x15.Channel1, "2": ads1x15.Channel2, "3": ads1x15.Channel3,
		"0-1": ads1x15.Channel0Minus1, "0-3": ads1x15.Channel0Minus3, "1-3": ads1x15.Channel1Minus3, "2-3": ads1x15.Channel2Minus3,
	}
}

// settled is a bus on which a result is read only when the conversion has ended.
type settled struct{ i2c.Bus }

// Tx implements i2c.Bus. The bus below ends the loop.
func (s *settled) Tx(addr uint16, w, r []byte) error {
	for len(w) == 1 && w[0] == regConversion {
		config, err := chip.Register(s.Bus, addr, regConfig)
		if err != nil {
			return err
		}
		if config == 0xFFFF {
			return chip.ErrFloats
		}
		if config&done != 0 {
			break
		}
	}
	return s.Bus.Tx(addr, w, r)
}
