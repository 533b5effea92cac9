package chip_test

import (
	"encoding/hex"
	"math"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"fieldpost/sensors"
	"fieldpost/sensors/ads1x15"
	"fieldpost/sensors/aht20"
	"fieldpost/sensors/bh1750"
	"fieldpost/sensors/chip"
	"fieldpost/sensors/hdc302x"
	"fieldpost/sensors/ina219"
	"fieldpost/sensors/mcp9808"
	"fieldpost/sensors/scd4x"
	"fieldpost/sensors/sht"
	"fieldpost/sensors/tmp102"
)

// answering is a bus that gives to each write, in hex, the bytes of a part.
type answering map[string]string

func (answering) String() string                  { return "answering" }
func (answering) SetSpeed(physic.Frequency) error { return nil }
func (answering) Close() error                    { return nil }

func (a answering) Tx(_ uint16, w, r []byte) error {
	answer, _ := hex.DecodeString(a[hex.EncodeToString(w)])
	copy(r, answer)
	return nil
}

// Bytes with the numbers that the formula of a part gives for them. They have yet to
// be held against the printed datasheets, and against parts.
func TestVectors(t *testing.T) {
	tmp := func(kind string) func(busOpener) sensors.Opener {
		return func(b busOpener) sensors.Opener { return tmp102.Open(b, 0x48, kind) }
	}
	plain := func(open func(busOpener, uint16) sensors.Opener, addr uint16) func(busOpener) sensors.Opener {
		return func(b busOpener) sensors.Opener { return open(b, addr) }
	}
	adc := func(b busOpener) sensors.Opener {
		return ads1x15.Open(b, 0x48, ads1x15.Options{Channels: []ads1x15.Channel{{Name: "a", Input: "0"}}})
	}
	meter := func(b busOpener) sensors.Opener {
		return ina219.Open(b, 0x40, ina219.Options{Shunt: 0.002})
	}
	for _, c := range []struct {
		source string
		open   func(busOpener) sensors.Opener
		bus    answering
		want   []float64
	}{
		{"SBOS397: 127.9375", tmp("tmp102"), answering{"01": "60a0", "00": "7ff0"}, []float64{127.9375}},
		{"SBOS397: 25", tmp("tmp102"), answering{"01": "60a0", "00": "1900"}, []float64{25}},
		{"SBOS397: -0.25", tmp("tmp102"), answering{"01": "60a0", "00": "ffc0"}, []float64{-0.25}},
		{"SBOS397: -55", tmp("tmp102"), answering{"01": "60a0", "00": "c900"}, []float64{-55}},
		{"SNIS153: -0.5", tmp("lm75"), answering{"01": "00", "00": "ff80"}, []float64{-0.5}},
		{"SBOS288: 0.25", tmp("tmp75"), answering{"01": "60", "00": "0040"}, []float64{0.25}},
		{"DS25095: 25.25, above its upper limit", plain(mcp9808.Open, 0x18), answering{"06": "0054", "05": "c194"}, []float64{25.25}},
		{"DS25095: -1", plain(mcp9808.Open, 0x18), answering{"06": "0054", "05": "1ff0"}, []float64{-1}},
		{"SBOS448G: 10 A at 12 V", meter, answering{"00": "3fff", "01": "07d0", "02": "5d98"}, []float64{11.98, 10, 119.8}},
		{"SBOS448G: -320 mV", meter, answering{"00": "3fff", "01": "8300", "02": "5d98"}, []float64{11.98, -160, -1916.8}},
		{"SBAS444: -1 step", adc, answering{"01": "8583", "00": "ffff"}, []float64{-0.000125}},
		{"SBAS444: full scale", adc, answering{"01": "8583", "00": "7fff"}, []float64{4.095875}},
		{"SCD4x 1.4: 500 ppm", plain(scd4x.Open, 0x62), answering{"e4b8": "8006" + "04", "ec05": "01f433" + "6667a2" + "5eb93c"}, []float64{500, 25, 37}},
		{"BH1750FVI, page 7: 28067 lx", plain(bh1750.Open, 0x23), answering{"": "8390"}, []float64{28067}},
		{"SHT3x-DIS 7: beef has 92", plain(sht.Open3x, 0x44), answering{"": "beef92" + "beef92"}, []float64{-45 + 175*float64(0xbeef)/65535, 100 * float64(0xbeef) / 65535}},
		{"SHT4x 6.6: beef has 92", plain(sht.Open4x, 0x44), answering{"": "beef92" + "beef92"}, []float64{-45 + 175*float64(0xbeef)/65535, -6 + 125*float64(0xbeef)/65535}},
		{"SNAS793: abcd has 6f", plain(hdc302x.Open, 0x44), answering{"e000": "abcd6f" + "abcd6f"}, []float64{-45 + 175*float64(0xabcd)/65535, 100 * float64(0xabcd) / 65535}},
		{"AHT20 A1: ends of the scales", plain(aht20.Open, 0x38), answering{"71": "18", "": "18000000000035"}, []float64{-50, 0}},
	} {
		t.Run(c.source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, err := c.open(func() (i2c.BusCloser, error) { return c.bus, nil })(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				vs, err := src.Sense(t.Context())
				if err != nil || len(vs) != len(c.want) {
					t.Fatalf("%+v, %v", vs, err)
				}
				for i, v := range vs {
					if by := max(math.Abs(c.want[i])*1e-3, 1e-6); math.Abs(v.Num-c.want[i]) > by {
						t.Errorf("%+v, want %v", v, c.want[i])
					}
				}
			})
		})
	}
}

func TestCRC8(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want byte
	}{{[]byte{0xBE, 0xEF}, 0x92}, {[]byte{0xAB, 0xCD}, 0x6F}, {[]byte{0x00, 0x00}, 0x81}} {
		if got := chip.CRC8(c.data); got != c.want {
			t.Errorf("% x has %#x, want %#x", c.data, got, c.want)
		}
	}
}

// What reaches the end of what a part can measure is marked.
func TestSaturation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			open func(busOpener) sensors.Opener
			bus  answering
			at   int
		}{
			"ads1115": {func(b busOpener) sensors.Opener {
				return ads1x15.Open(b, 0x48, ads1x15.Options{Channels: []ads1x15.Channel{{Name: "a", Input: "0"}}})
			}, answering{"01": "8583", "00": "7fff"}, 0},
			"ads1015": {func(b busOpener) sensors.Opener {
				return ads1x15.Open(b, 0x48, ads1x15.Options{TwelveBits: true, Channels: []ads1x15.Channel{{Name: "a", Input: "0"}}})
			}, answering{"01": "8583", "00": "7ff0"}, 0},
			"ina219": {func(b busOpener) sensors.Opener { return ina219.Open(b, 0x40, ina219.Options{}) },
				answering{"00": "3fff", "01": "7d00", "02": "5d98"}, 1},
			"bh1750": {func(b busOpener) sensors.Opener { return bh1750.Open(b, 0x23) }, answering{"": "ffff"}, 0},
		} {
			src, err := c.open(func() (i2c.BusCloser, error) { return c.bus, nil })(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if vs, err := src.Sense(t.Context()); err != nil || vs[c.at].Quality != sensors.Suspect || vs[c.at].Reason != "saturated" {
				t.Errorf("%s: %+v, %v", name, vs, err)
			}
		}
	})
}
