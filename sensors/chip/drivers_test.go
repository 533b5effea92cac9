package chip_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/sensors"
	"fieldpost/sensors/ads1x15"
	"fieldpost/sensors/aht20"
	"fieldpost/sensors/bh1750"
	"fieldpost/sensors/bme280"
	"fieldpost/sensors/chip"
	"fieldpost/sensors/ds18b20"
	"fieldpost/sensors/hdc302x"
	"fieldpost/sensors/ina219"
	"fieldpost/sensors/mcp9808"
	"fieldpost/sensors/scd4x"
	"fieldpost/sensors/sht"
	"fieldpost/sensors/tmp102"
)

type busOpener = func() (i2c.BusCloser, error)

// part is a model that can be broken.
type part interface {
	boardsim.Part
	SetFault(boardsim.Fault)
	PowerCycle()
}

// kind is one kind of part with its driver.
type kind struct {
	name    string
	part    part
	open    func(busOpener, uint16) sensors.Opener
	other   func() // has it measure something else after power-on; nil = it does
	set     func() // has the part measure what want says
	want    []want
	floats  error                     // of a line that nobody drives; nil = it cannot be told
	wired   interface{ PowerCycle() } // the part behind a bridge
	sums    bool                      // what is read has a checksum
	oneGood bool                      // a wrong checksum spoils one value of two
	busy    error                     // of a measurement that never ends; nil = it cannot be told
	settle  time.Duration
}

type want struct {
	name, unit string
	num, by    float64
}

func kinds() []kind {
	bme, aht, hdc := boardsim.NewBME280(), boardsim.NewHygrometer("aht20"), boardsim.NewHygrometer("hdc302x")
	sht3, sht4, scd := boardsim.NewHygrometer("sht3x"), boardsim.NewHygrometer("sht4x"), boardsim.NewSCD4x()
	ina, light := boardsim.NewINA219(), boardsim.NewBH1750()
	bmp180, bmp280 := boardsim.NewBMP180(), boardsim.NewBMP280()
	climate := func(tempC, pct float64) []want {
		return []want{{"temperature", "Cel", tempC, 0.02}, {"humidity", "%", pct, 0.02}}
	}
	all := []kind{
		{name: "bme280", part: bme, open: bme280.Open, other: func() { bme.Set(21.5, 44, 1013.2) }, set: func() { bme.Set(-12.3, 71, 987.6) },
			want:   []want{{"temperature", "Cel", -12.3, 0.02}, {"pressure", "hPa", 987.6, 0.1}, {"humidity", "%", 71, 0.1}},
			floats: chip.ErrFloats, busy: chip.ErrBusy},
		{name: "bmp280", part: bmp280, open: bme280.Open, other: func() { bmp280.Set(21.5, 0, 1013.2) }, set: func() { bmp280.Set(-12.3, 0, 987.6) },
			want:   []want{{"temperature", "Cel", -12.3, 0.02}, {"pressure", "hPa", 987.6, 0.1}},
			floats: chip.ErrFloats, busy: chip.ErrBusy},
		{name: "bmp180", part: bmp180, open: bme280.Open, other: func() { bmp180.Raw(30000, 30000) }, set: func() { bmp180.Raw(27898, 23843) },
			want:   []want{{"temperature", "Cel", 15.0, 0.01}, {"pressure", "hPa", 699.64, 0.05}},
			floats: chip.ErrFloats, busy: chip.ErrBusy},
		{name: "aht20", part: aht, open: aht20.Open, other: func() { aht.Set(21.5, 44) }, set: func() { aht.Set(-12.3, 71) }, want: climate(-12.3, 71),
			floats: chip.ErrFloats, sums: true, busy: chip.ErrBusy},
		{name: "hdc302x", part: hdc, open: hdc302x.Open, other: func() { hdc.Set(21.5, 44) }, set: func() { hdc.Set(-12.3, 71) }, want: climate(-12.3, 71),
			floats: chip.ErrFloats, sums: true, oneGood: true, busy: board.ErrNoAck},
		{name: "sht3x", part: sht3, open: sht.Open3x, other: func() { sht3.Set(21.5, 44) }, set: func() { sht3.Set(-12.3, 71) }, want: climate(-12.3, 71),
			floats: chip.ErrFloats, sums: true, oneGood: true, busy: board.ErrNoAck},
		{name: "sht4x", part: sht4, open: sht.Open4x, other: func() { sht4.Set(21.5, 44) }, set: func() { sht4.Set(-12.3, 71) }, want: climate(-12.3, 71),
			floats: chip.ErrFloats, sums: true, oneGood: true, busy: board.ErrNoAck},
		{name: "scd4x", part: scd, open: scd4x.Open, other: func() { scd.Set(700, 21.5, 44) }, set: func() { scd.Set(1234, -5, 71) },
			want:   []want{{"co2", "[ppm]", 1234, 0}, {"temperature", "Cel", -5, 0.02}, {"humidity", "%", 71, 0.02}},
			floats: chip.ErrFloats, sums: true, settle: 6 * time.Second},
		{name: "ina219", part: ina, open: func(b busOpener, addr uint16) sensors.Opener { return ina219.Open(b, addr, ina219.Options{}) },
			other: func() { ina.Set(12, 0.1) }, set: func() { ina.Set(24.5, -0.15) },
			want:   []want{{"voltage", "V", 24.5, 0.004}, {"current", "A", -1.5, 0.002}, {"power", "W", -36.75, 0.1}},
			floats: chip.ErrFloats},
		{name: "bh1750", part: light, open: bh1750.Open, other: func() { light.Set(300) }, set: func() { light.Set(1234) }, want: []want{{"illuminance", "lx", 1234, 1}}},
	}
	for _, name := range []string{"ads1115", "ads1015"} {
		p := boardsim.NewADS1115()
		if name == "ads1015" {
			p = boardsim.NewADS1015()
		}
		all = append(all, kind{name: name, part: p, open: func(b busOpener, addr uint16) sensors.Opener {
			return ads1x15.Open(b, addr, ads1x15.Options{TwelveBits: name == "ads1015", Channels: []ads1x15.Channel{
				{Name: "a", Input: "0"}, {Name: "b", Unit: "bar", Input: "3", Range: 1}, {Name: "c", Input: "0-1"},
			}})
		},
			other:  func() { p.Set(0, 0.5); p.Set(1, 1); p.Set(3, 0.7) },
			set:    func() { p.Set(0, 3.3); p.Set(1, 0.3); p.Set(3, 0.123) },
			want:   []want{{"a", "V", 3.3, 0.002}, {"b", "bar", 0.123, 0.001}, {"c", "V", 3, 0.002}},
			floats: chip.ErrFloats, busy: chip.ErrBusy})
	}
	bridge, wired := boardsim.NewDS2482(1), boardsim.NewDS18B20(0x28, 1)
	bridge.Attach(0, wired)
	all = append(all, kind{name: "ds18b20", part: bridge, wired: wired, open: func(b busOpener, addr uint16) sensors.Opener {
		return ds18b20.Open(b, addr, ds18b20.Options{})
	}, other: func() { wired.Set(21.5) }, set: func() { wired.Set(-12.3) }, want: []want{{"temperature", "Cel", -12.3, 0.07}}, floats: chip.ErrFloats, busy: chip.ErrBusy})
	for _, name := range []string{"lm75", "tmp75", "tmp105", "tmp102", "mcp9808"} {
		p := boardsim.NewThermometer(name)
		k := kind{name: name, part: p, other: func() { p.Set(21.5) }, set: func() { p.Set(-12.3) }, want: []want{{"temperature", "Cel", -12.3, 0.07}}, floats: chip.ErrFloats}
		switch name {
		case "mcp9808":
			k.open = mcp9808.Open
		case "lm75":
			k.want[0].by = 0.5
			fallthrough
		default:
			k.open = func(b busOpener, addr uint16) sensors.Opener { return tmp102.Open(b, addr, name) }
		}
		all = append(all, k)
	}
	return all
}

// addrOf is an address where a part of that kind may be: some drivers insist.
func addrOf(name string) uint16 {
	at := map[string]uint16{"bme280": 0x76, "bmp280": 0x76, "bmp180": 0x77, "aht20": 0x38, "hdc302x": 0x44, "scd4x": 0x62, "ina219": 0x40, "mcp9808": 0x18, "ds18b20": 0x18, "bh1750": 0x23, "sht3x": 0x44, "sht4x": 0x44}
	if a, ok := at[name]; ok {
		return a
	}
	return 0x48
}

// rig is a part on a bus, with its source open.
type rig struct {
	kind
	t   *testing.T
	bus *boardsim.Bus
	src sensors.Source
}

func (r *rig) opener() sensors.Opener { return r.open(r.bus.Open, addrOf(r.name)) }

// good senses until the wanted values are there, at most twice: a part that was
// just started may need its time.
func (r *rig) good(when string) {
	r.t.Helper()
	time.Sleep(r.settle)
	vs, err := r.src.Sense(r.t.Context())
	if err != nil {
		r.t.Errorf("%s: %v", when, err)
		return
	}
	if len(vs) != len(r.want) {
		r.t.Errorf("%s: %+v", when, vs)
		return
	}
	r.right(when, vs)
}

// right holds values against those wanted.
func (r *rig) right(when string, vs []sensors.Value) {
	r.t.Helper()
	for i, w := range r.want {
		if v := vs[i]; v.Name != w.name || v.Unit != w.unit || math.Abs(v.Num-w.num) > w.by || v.Quality != sensors.Good || v.Age > 5*time.Second {
			r.t.Errorf("%s: %+v, want %+v", when, v, w)
		}
	}
}

// bad senses, and wants an error that is one and has a hint.
func (r *rig) bad(when string, is error) {
	r.t.Helper()
	time.Sleep(r.settle)
	begin := time.Now()
	vs, err := r.src.Sense(r.t.Context())
	var h interface{ Hint() string }
	if !errors.Is(err, is) || !errors.As(err, &h) || h.Hint() == "" {
		r.t.Errorf("%s: %+v, %v, want %v with a hint", when, vs, err, is)
	}
	if d := time.Since(begin); d > 5*time.Second {
		r.t.Errorf("%s: took %v, longer than a sampler waits", when, d)
	}
}

// TestDrivers puts each driver through what a part on a bus does to it.
func TestDrivers(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &rig{kind: k, t: t}
				r.bus = boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{addrOf(k.name): k.part})
				k.part.SetFault(boardsim.Absent)
				if _, err := r.opener()(t.Context()); !errors.Is(err, board.ErrNoAck) {
					t.Errorf("open without a part: %v", err)
				}
				if k.floats != nil {
					k.part.SetFault(boardsim.Corrupt)
					if src, err := r.opener()(t.Context()); err == nil {
						_, err = src.Sense(t.Context())
						if err == nil {
							t.Error("a line that nobody drives gave a reading")
						}
					}
				}
				k.part.SetFault(boardsim.NoFault)
				k.part.PowerCycle()
				var err error
				if r.src, err = r.opener()(t.Context()); err != nil {
					t.Fatal(err)
				}
				k.set()
				r.good("first")

				k.part.SetFault(boardsim.Absent)
				r.bad("not acknowledged", board.ErrNoAck)
				k.part.SetFault(boardsim.NoFault)
				r.good("acknowledged again")
				if k.floats != nil {
					k.part.SetFault(boardsim.Corrupt)
					r.bad("line not driven", k.floats)
					k.part.SetFault(boardsim.NoFault)
					r.good("line driven again")
				}
				if k.busy != nil {
					k.part.SetFault(boardsim.StuckBusy)
					r.bad("stuck busy", k.busy)
					k.part.SetFault(boardsim.NoFault)
					time.Sleep(time.Second)
					r.good("not busy any more")
				}
				r.checksum()
				k.part.PowerCycle()
				r.settle *= 4
				if k.name == "scd4x" {
					time.Sleep(r.settle)
					_, _ = r.src.Sense(t.Context()) // notices, and starts it anew
				}
				r.good("after the supply was gone")
				r.settle = k.settle

				r.bus.Unplug()
				r.bad("adapter unplugged", board.ErrIO)
				if err := r.src.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func (r *rig) checksum() {
	if !r.sums {
		return
	}
	r.part.SetFault(boardsim.BadChecksum)
	defer r.part.SetFault(boardsim.NoFault)
	if !r.oneGood {
		r.bad("checksum", chip.ErrChecksum)
		return
	}
	vs, err := r.src.Sense(r.t.Context())
	if err != nil || vs[0].Quality != sensors.Good || vs[1].Quality != sensors.Bad || vs[1].Reason != "checksum" {
		r.t.Errorf("one checksum of two: %+v, %v", vs, err)
	}
}

// Another software has left the part switched off.
func TestSleepingThermometers(t *testing.T) {
	for _, name := range []string{"lm75", "tmp75", "tmp105", "tmp102", "mcp9808"} {
		synctest.Test(t, func(t *testing.T) {
			p := boardsim.NewThermometer(name)
			p.Sleep()
			bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{addrOf(name): p})
			open := func(b busOpener, addr uint16) sensors.Opener { return tmp102.Open(b, addr, name) }
			if name == "mcp9808" {
				open = mcp9808.Open
			}
			src, err := open(bus.Open, addrOf(name))(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if vs, err := src.Sense(t.Context()); err != nil || vs[0].Num != 21.5 {
				t.Errorf("%s: %+v, %v", name, vs, err)
			}
		})
	}
}

// Another software has given a TMP102 another scale.
func TestExtendedScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := boardsim.NewThermometer("tmp102")
		bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x48: p})
		src, err := tmp102.Open(bus.Open, 0x48, "tmp102")(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, config := range []byte{0xA0, 0xB0} {
			if err := bus.Tx(0x48, []byte{1, 0x60, config}, nil); err != nil {
				t.Fatal(err)
			}
			if vs, err := src.Sense(t.Context()); err != nil || vs[0].Num != 21.5 {
				t.Errorf("%#x: %+v, %v", config, vs, err)
			}
		}
	})
}

// A part of another kind is not written to.
func TestStranger(t *testing.T) {
	for _, maker := range []string{"1234", "0055"} {
		synctest.Test(t, func(t *testing.T) {
			bus := &writes{answering: answering{"06": maker}}
			src, err := mcp9808.Open(func() (i2c.BusCloser, error) { return bus, nil }, 0x18)(t.Context())
			if !errors.Is(err, chip.ErrStranger) || bus.n != 0 {
				t.Errorf("%v, %v, written to %d times", src, err, bus.n)
			}
		})
	}
}

// What is read of a disturbed line is not written back with a bit changed.
func TestNothingIsWrittenOnADisturbedLine(t *testing.T) {
	for config, want := range map[string]error{"ffff": chip.ErrFloats, "0000": chip.ErrHeld} {
		synctest.Test(t, func(t *testing.T) {
			bus := &writes{answering: answering{"01": config}}
			_, err := tmp102.Open(func() (i2c.BusCloser, error) { return bus, nil }, 0x48, "tmp102")(t.Context())
			if !errors.Is(err, want) || bus.n != 0 {
				t.Errorf("%s: %v, written to %d times", config, err, bus.n)
			}
		})
	}
}

// writes counts what sets a register.
type writes struct {
	answering
	n int
}

func (b *writes) Tx(addr uint16, w, r []byte) error {
	if len(w) > 1 {
		b.n++
	}
	return b.answering.Tx(addr, w, r)
}

// A hygrometer that says -50 °C and 0 % has not measured.
func TestNothingMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := answering{"71": "18", "": "18000000000035"}
		src, err := aht20.Open(func() (i2c.BusCloser, error) { return bus, nil }, 0x38)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if vs, err := src.Sense(t.Context()); !errors.Is(err, chip.ErrForgot) {
			t.Errorf("%+v, %v", vs, err)
		}
	})
}

// Another software has set a meter to 16 V.
func TestMeterOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := boardsim.NewINA219()
		p.Set(24.5, 0)
		bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x40: p})
		src, err := ina219.Open(bus.Open, 0x40, ina219.Options{})(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Tx(0x40, []byte{0, 0x1F, 0xFF}, nil); err != nil {
			t.Fatal(err)
		}
		if vs, err := src.Sense(t.Context()); err != nil || math.Abs(vs[0].Num-24.5) > 0.004 {
			t.Errorf("%+v, %v", vs, err)
		}
	})
}

// A line that is let go in the middle of a sample gives no measurement.
func TestLineLetGo(t *testing.T) {
	thermometer := func(b busOpener, addr uint16) sensors.Opener { return tmp102.Open(b, addr, "tmp102") }
	meter := func(b busOpener, addr uint16) sensors.Opener { return ina219.Open(b, addr, ina219.Options{}) }
	for name, c := range map[string]struct {
		open func(busOpener, uint16) sensors.Opener
		bus  answering
	}{
		"tmp102":  {thermometer, answering{"01": "60a0", "00": "ffff"}},
		"mcp9808": {mcp9808.Open, answering{"06": "0054", "01": "0000", "05": "ffff"}},
		"ina219":  {meter, answering{"00": "3fff", "01": "0000", "02": "ffff"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			src, err := c.open(func() (i2c.BusCloser, error) { return c.bus, nil }, 0x40)(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if vs, err := src.Sense(t.Context()); !errors.Is(err, chip.ErrFloats) {
				t.Errorf("%s: %+v, %v", name, vs, err)
			}
		})
	}
}

// A call ends with its context, and says why.
func TestCancelled(t *testing.T) {
	errTest := errors.New("test")
	for _, k := range kinds() {
		if k.busy != chip.ErrBusy || k.name == "aht20" || k.name == "ds18b20" {
			continue // the driver sleeps, or its part tells at once
		}
		synctest.Test(t, func(t *testing.T) {
			bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{addrOf(k.name): k.part})
			src, err := k.open(bus.Open, addrOf(k.name))(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			k.part.SetFault(boardsim.StuckBusy)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(200*time.Millisecond, func() { cancel(errTest) })
			begin := time.Now()
			if _, err := src.Sense(ctx); !errors.Is(err, errTest) {
				t.Errorf("%s: %v", k.name, err)
			}
			if d := time.Since(begin); d > 250*time.Millisecond {
				t.Errorf("%s: took %v", k.name, d)
			}
		})
	}
}
