// Package ads1x15 reads TI's analogue-to-digital converters ADS1115 (16 bits,
// SBAS444) and ADS1015 (12 bits, SBAS473) over I²C, at addresses 0x48 to 0x4b.
//
// The driver is our own: periph's devices/v3/ads1x15 waits for the nominal time of
// a conversion, while the part's own clock may be a tenth slow: then it reads the
// last result, which is another channel's. Here the part is asked whether it is
// done, and then for its settings: one that lost its supply says that it is done, and
// 0 V. Each sample writes all settings. A voltage at the end of its range is suspect,
// "saturated".
package ads1x15

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

const (
	regConversion = 0
	regConfig     = 1

	start    = 0x8000 // one conversion; reads 0 while it is under way
	oneShot  = 0x0100
	noAlarms = 0x0003
	// rate64 is the rate of an ADS1115, 64 conversions in a second; an ADS1015
	// takes the same bits for 920.
	rate64 = 3 << 5
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
	return chip.Open(bus, addr, chip.Driver{Name: name, OnesAreData: true, Start: func(_ context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
		settings := make([]setting, len(opt.Channels))
		for i, c := range opt.Channels {
			var err error
			if settings[i], err = settingOf(c); err != nil {
				return nil, err
			}
		}
		if config, err := chip.Register(bus, addr, regConfig); err != nil || config == 0xFFFF {
			return nil, cmp.Or(err, chip.ErrFloats)
		}
		return func(ctx context.Context) ([]sensors.Value, error) {
			vs := make([]sensors.Value, len(settings))
			for i, s := range settings {
				raw, err := s.convert(ctx, bus, addr)
				if err != nil {
					return nil, err
				}
				vs[i] = opt.value(i, raw, s.top)
			}
			return vs, nil
		}, nil
	}})
}

// setting is how one channel is measured.
type setting struct {
	config uint16
	top    float64 // end of the range, in V
}

func settingOf(c Channel) (setting, error) {
	inputs := []string{"0-1", "0-3", "1-3", "2-3", "0", "1", "2", "3"}
	tops := []float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256}
	mux := slices.Index(inputs, c.Input)
	if mux < 0 {
		return setting{}, fmt.Errorf("no input %q", c.Input)
	}
	want := c.Range
	if want == 0 {
		want = tops[1]
	}
	gain := 0
	for gain+1 < len(tops) && tops[gain+1] >= want {
		gain++
	}
	return setting{uint16(start|mux<<12|gain<<9|oneShot|rate64) | noAlarms, tops[gain]}, nil
}

// convert measures one channel.
func (s setting) convert(ctx context.Context, bus i2c.Bus, addr uint16) (int16, error) {
	if err := bus.Tx(addr, []byte{regConfig, byte(s.config >> 8), byte(s.config)}, nil); err != nil {
		return 0, err
	}
	for {
		if err := chip.Pause(ctx, 4*time.Millisecond); err != nil {
			return 0, err
		}
		done, err := s.done(bus, addr)
		if err != nil {
			return 0, err
		}
		if done {
			break
		}
	}
	raw, err := chip.Register(bus, addr, regConversion)
	if err == nil {
		_, err = s.done(bus, addr) // what was read is of a part that has the settings
	}
	return int16(raw), err
}

// done reports whether the conversion has ended.
func (s setting) done(bus i2c.Bus, addr uint16) (bool, error) {
	config, err := chip.Register(bus, addr, regConfig)
	switch {
	case err != nil:
		return false, err
	case config == 0xFFFF:
		return false, chip.ErrFloats
	case config|start != s.config:
		return false, chip.ErrForgot
	}
	return config&start != 0, nil
}

func (opt Options) value(i int, raw int16, top float64) sensors.Value {
	v := sensors.Value{Name: opt.Channels[i].Name, Unit: opt.Channels[i].Unit, Num: float64(raw) / 32768 * top}
	if v.Unit == "" {
		v.Unit = "V"
	}
	most := int16(math.MaxInt16)
	if opt.TwelveBits {
		most &^= 0xF
	}
	if raw >= most || raw == math.MinInt16 {
		v.Quality, v.Reason = sensors.Suspect, "saturated"
	}
	return v
}
