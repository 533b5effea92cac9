package catalog

import (
	"encoding/hex"
	"strings"
	"time"
)

// Sign is something that a part of a source says and hardly another one does at its
// address. None changes what a part does: what is written names a register, or asks
// for a number or a state.
type Sign struct {
	Send []byte        // written
	Wait time.Duration // until the answer; 0 = it is read in the same transfer
	Want []byte        // the answer
	Mask []byte        // bits of it that matter, as many bytes
	Sums int           // so many words of two bytes are read, each with Sensirion's checksum; Want is empty then
	Mute bool          // the part does not acknowledge a read that it was not asked for
	Weak bool          // it speaks for the part and does not prove it
	Text string        // for a person: "chip id 0x60"
}

// signs has one sign a line: the source; what is written; the answer and its mask, or
// sums and their number; mute, weak or neither; the text. A line that begins with !
// is a part without a source: its name, its addresses and how it can be read follow.
const signs = `bme280|d0|60|ff||chip id 0x60
bmp280|d0|58|ff||chip id 0x58
bmp280|d0|56|fe||chip id 0x56 or 0x57, of a sample
bmp180|d0|55|ff||chip id 0x55
hdc302x|3781|3000|ffff|mute|maker's id 0x3000
sht3x|f32d|sums|01|mute|a status with its checksum
sht4x|89|sums|02|mute|a serial number with its checksums
scd4x|e4b8|sums|01|mute|a state with its checksum
mcp9808|06|0054|ffff||maker's id 0x0054
ds18b20|e1c3|00|f0|weak|the configuration of a DS2482
tmp102|01|6080|608f|weak|a configuration of two bytes
tmp75|03|5000|ffff|weak|a limit of 80 °C, as after power-on
tmp105|03|5000|ffff|weak|a limit of 80 °C, as after power-on
lm75|03|5000|ffff|weak|a limit of 80 °C, as after power-on
ina219|00|399f|ffff|weak|configuration 0x399f, as after power-on
ads1115|03|7fff|ffff|weak|a threshold of 0x7fff, as after power-on
ads1015|03|7fff|ffff|weak|a threshold of 0x7fff, as after power-on
!|d0|61|ff||chip id 0x61|Bosch BME680 or BME688|7677|the kernel's driver bme680 has it, for source = "iio"
!|00|50|ff||chip id 0x50|Bosch BMP388|7677|the kernel's driver bmp280 has it, for source = "iio"
!|00|60|ff||chip id 0x60 in register 0|Bosch BMP390|7677|the kernel's driver bmp280 has it, for source = "iio"
!|0f|33|ff||who-am-i 0x33|ST LIS3DH or its like, an accelerometer|1819|the kernel's driver st_accel has it, for source = "iio"
!|ff|2260|ffff||die id 0x2260|TI INA226|404142434445464748494a4b4c4d4e4f|the kernel's driver ina2xx has it, for source = "hwmon"
!|ff|1050|ffff||device id 0x1050|TI HDC1080|40|the kernel's driver hdc100x has it, for source = "iio"`

// The answer of a part that is asked by a command is there so much later.
const signWait = 2 * time.Millisecond

// known calls each with the signs, and with the fields behind those of a stranger.
func known(each func(source string, s Sign, rest []string)) {
	for line := range strings.SplitSeq(signs, "\n") {
		f := strings.Split(line, "|")
		s := Sign{Send: unhex(f[1]), Want: unhex(f[2]), Mask: unhex(f[3]), Mute: f[4] == "mute", Weak: f[4] == "weak", Text: f[5]}
		if f[2] == "sums" {
			s.Sums, s.Want, s.Mask = int(s.Mask[0]), nil, nil
		}
		if s.Mute {
			s.Wait = signWait
		}
		each(f[0], s, f[6:])
	}
}

// unhex is for what is written here, and nothing for other text.
func unhex(text string) []byte {
	b, _ := hex.DecodeString(text)
	return b
}

// sign gives each source its signs, and what else may answer where none proves it.
func sign(all []Source) {
	known(func(name string, sign Sign, _ []string) {
		for i := range all {
			if all[i].Name == name {
				all[i].Signs = append(all[i].Signs, sign)
			}
		}
	})
	for i := range all {
		switch all[i].Name {
		case "aht20":
			all[i].Alike = "a PCF8574A expander may be there too"
		case "bh1750":
			all[i].Alike = "a PCF8574 or MCP23017 expander (0x23) or an AM2320 (0x5c) may be there too"
		case "ina219":
			all[i].Alike = "a PCA9685, HTU21D or Si7021 may be there too"
		case "tmp102", "tmp75", "tmp105", "lm75", "ads1115", "ads1015":
			all[i].Alike = "these parts have no id: go by what is printed on it"
		}
	}
}

// Recognisable is every source with its Signs and what else may answer, and the parts
// that are known by their signs and have no source of their own: those have no Help,
// and Notes say how they can be read.
func Recognisable() []Source {
	all := Sources()
	sign(all)
	known(func(name string, s Sign, rest []string) {
		if name != "!" {
			return
		}
		stranger := Source{Name: rest[0], Signs: []Sign{s}, Notes: rest[2]}
		for _, at := range unhex(rest[1]) {
			stranger.Addresses = append(stranger.Addresses, uint16(at))
		}
		all = append(all, stranger)
	})
	return all
}
