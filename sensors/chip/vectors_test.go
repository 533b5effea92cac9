package chip_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"fieldpost/sensors"
	"fieldpost/sensors/ads1x15"
	"fieldpost/sensors/aht20"
	"fieldpost/sensors/bh1750"
	"fieldpost/sensors/bme280"
	"fieldpost/sensors/chip"
	"fieldpost/sensors/hdc302x"
	"fieldpost/sensors/ina219"
	"fieldpost/sensors/mcp9808"
	"fieldpost/sensors/scd4x"
	"fieldpost/sensors/sht"
	"fieldpost/sensors/tmp102"
)

// answering is a bus that gives to each write, in hex, the bytes of a part. "f6/3" is
// for a read of three bytes.
type answering map[string]string

func (answering) String() string                  { return "answering" }
func (answering) SetSpeed(physic.Frequency) error { return nil }
func (answering) Close() error                    { return nil }

func (a answering) Tx(_ uint16, w, r []byte) error {
	key := hex.EncodeToString(w)
	if long := fmt.Sprintf("%s/%d", key, len(r)); a[long] != "" {
		key = long
	}
	answer, _ := hex.DecodeString(a[key])
	copy(r, answer)
	return nil
}

// Bytes as they are on the bus, with what they mean. The source says where that is
// written: a table or a worked example of a datasheet, a frame of a real part, or where
// there is neither the formula of the datasheet, of which the bytes are ends or a
// number with a printed checksum. A row of a formula proves no more than that it was
// copied without an error.
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
	type vector struct {
		source string
		open   func(busOpener) sensors.Opener
		bus    answering
		want   []float64
		by     float64 // half of the last digit that is printed; default a 1e-5 of the number
	}
	var vectors []vector
	// A word of a table for a thermometer, whose limit is that after power-on.
	for _, table := range []struct {
		source string
		kind   string
		config string
		words  map[string]float64
	}{
		{"TMP102, SBOS397C, table 5, page 6", "tmp102", "60a0", map[string]float64{
			"7ff0": 127.9375, "6400": 100, "5000": 80, "4b00": 75, "3200": 50, "1900": 25, "0040": 0.25, "0000": 0, "ffc0": -0.25, "e700": -25, "c900": -55,
		}},
		{"TMP75, SBOS288, table of the temperature data format", "tmp75", "60", map[string]float64{
			"7ff0": 127.9375, "6400": 100, "5000": 80, "4b00": 75, "3200": 50, "1900": 25, "0040": 0.25, "0000": 0, "ffc0": -0.25, "e700": -25, "c900": -55,
		}},
		{"TMP105, formula: 1/16 °C, two's complement", "tmp105", "60", map[string]float64{"7ff0": 127.9375, "0040": 0.25, "c900": -55}},
		{"LM75, SNIS153, table of the temperature register", "lm75", "00", map[string]float64{
			"7d00": 125, "1900": 25, "0080": 0.5, "0000": 0, "ff80": -0.5, "e700": -25, "c900": -55,
		}},
	} {
		for word, celsius := range table.words {
			vectors = append(vectors, vector{fmt.Sprintf("%s: %v", table.source, celsius), tmp(table.kind),
				answering{"01": table.config, "00": word, "03": "5000"}, []float64{celsius}, 0})
		}
	}
	// A word of a table for a converter, in parts of the full scale of 4.096 V.
	for word, parts := range map[string]float64{"7fff": 32767, "0001": 1, "0000": 0, "ffff": -1, "8000": -32768} {
		vectors = append(vectors, vector{"ADS1115, SBAS444, table of the ideal output code: " + word, adc,
			answering{"01": "c363", "00": word}, []float64{parts * 4.096 / 32768}, 0})
	}
	for word, parts := range map[string]float64{"7ff0": 2047, "0010": 1, "0000": 0, "fff0": -1, "8000": -2048} {
		vectors = append(vectors, vector{"ADS1015, SBAS473, table of the ideal output code: " + word, adc,
			answering{"01": "c363", "00": word}, []float64{parts * 4.096 / 2048}, 0})
	}
	scale := func(word, lo, span float64) float64 { return lo + span*word/65535 }
	const beef, abcd = 0xBEEF, 0xABCD
	vectors = append(vectors, []vector{
		{"BMP280, BST-BMP280-DS001, section 3.12, worked example", plain(bme280.Open, 0x76), answering{
			"d0": "58", "f3": "00", "f4": "6c", "f7": "655ac0" + "7eed00",
			"88": "706b" + "4367" + "18fc" + "7d8e" + "43d6" + "d00b" + "270b" + "8c00" + "f9ff" + "8c3c" + "f8c6" + "7017" + "0000",
		}, []float64{25.08, 1006.5327}, 0},
		// The example is of oversampling 1; the driver asks for 4, which has two bits more.
		{"BMP180, BST-BMP180-DS000, section 3.5, page 15, worked example", plain(bme280.Open, 0x77), answering{
			"d0": "55", "f4": "00", "aa": "0198" + "ffb8" + "c7d1" + "7fe5" + "7ff5" + "5a71" + "182e" + "0004" + "8000" + "ddf9" + "0b34",
			"f6/2": "6cfa", "f6/3": "5d2300",
		}, []float64{15, 699.64}, 0.02},
		{"MCP9808, DS25095, equation 5-1: 25.25, above its upper limit", plain(mcp9808.Open, 0x18), answering{"06": "0054", "05": "c194"}, []float64{25.25}, 0},
		{"MCP9808, DS25095, equation 5-1: -1", plain(mcp9808.Open, 0x18), answering{"06": "0054", "05": "1ff0"}, []float64{-1}, 0},
		{"MCP9808, DS25095, equation 5-1: 0", plain(mcp9808.Open, 0x18), answering{"06": "0054", "05": "0000"}, []float64{0}, 0},
		{"INA219, SBOS448G, worked example: 10 A of 2 mOhm at 12 V", meter, answering{"00": "3fff", "01": "07d0", "02": "5d98"}, []float64{11.98, 10, 119.8}, 0},
		{"INA219, SBOS448G, shunt voltage register: -320 mV is 8300", meter, answering{"00": "3fff", "01": "8300", "02": "5d98"}, []float64{11.98, -160, -1916.8}, 0},
		{"SCD4x 1.4, example of read_measurement", plain(scd4x.Open, 0x62), answering{"e4b8": "8006" + "04", "ec05": "01f433" + "6667a2" + "5eb93c"}, []float64{500, 25, 37}, 0.005},
		{"BH1750FVI, 2011.11 Rev.D, page 7: 28067 lx", plain(bh1750.Open, 0x23), answering{"": "8390"}, []float64{28067}, 0.5},
		{"SHT3x-DIS 7, 4.12: beef has 92; formula of 4.13", plain(sht.Open3x, 0x44), answering{"": "beef92" + "beef92"}, []float64{scale(beef, -45, 175), scale(beef, 0, 100)}, 0},
		{"SHT3x-DIS 7, formula of 4.13: low end", plain(sht.Open3x, 0x44), answering{"": "000081" + "000081"}, []float64{-45, 0}, 0},
		{"SHT3x-DIS 7, formula of 4.13: high end", plain(sht.Open3x, 0x44), answering{"": "ffffac" + "ffffac"}, []float64{130, 100}, 0},
		{"SHT4x 6.6: beef has 92; formula", plain(sht.Open4x, 0x44), answering{"": "beef92" + "beef92"}, []float64{scale(beef, -45, 175), scale(beef, -6, 125)}, 0},
		{"SHT4x 6.6, formula: low end, cut off at 0 %", plain(sht.Open4x, 0x44), answering{"": "000081" + "000081"}, []float64{-45, 0}, 0},
		{"SHT4x 6.6, formula: high end, cut off at 100 %", plain(sht.Open4x, 0x44), answering{"": "ffffac" + "ffffac"}, []float64{130, 100}, 0},
		{"HDC302x, SNAS793: abcd has 6f; formula", plain(hdc302x.Open, 0x44), answering{"e000": "abcd6f" + "abcd6f"}, []float64{scale(abcd, -45, 175), scale(abcd, 0, 100)}, 0},
		{"HDC302x, SNAS793, formula: low end", plain(hdc302x.Open, 0x44), answering{"e000": "000081" + "000081"}, []float64{-45, 0}, 0},
		{"HDC302x, SNAS793, formula: high end", plain(hdc302x.Open, 0x44), answering{"e000": "ffffac" + "ffffac"}, []float64{130, 100}, 0},
		{"AHT20, frame of a part in github.com/bilbobg/aht20, README.md", plain(aht20.Open, 0x38), answering{"71": "18", "": "1c3b5e8688b2d2"}, []float64{31.674576, 23.191071}, 0},
	}...)
	for _, c := range vectors {
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
					if by := max(math.Abs(c.want[i])*1e-5, 1e-6, c.by); math.Abs(v.Num-c.want[i]) > by {
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
			}, answering{"01": "c363", "00": "7fff"}, 0},
			"ads1015": {func(b busOpener) sensors.Opener {
				return ads1x15.Open(b, 0x48, ads1x15.Options{TwelveBits: true, Channels: []ads1x15.Channel{{Name: "a", Input: "0"}}})
			}, answering{"01": "c363", "00": "7ff0"}, 0},
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
