package bme280

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/bmxx80"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// Registers of the parts. Of a BMP180, regConversion is where both quantities are
// read, one after the other, and regControl says which.
const (
	regCalibration   = 0x88 // 26 bytes
	regCalibrationRH = 0xE1 // 7 bytes
	regID            = 0xD0
	regControl       = 0xF4
	regConversion    = 0xF6
	regData          = 0xF7 // pressure, temperature and humidity, in one frame

	converting = 0x20 // in regControl of a BMP180
	mode       = 0x03 // in regControl; the other bits are settings
	idBMP180   = 0x55
)

// Open returns an opener for the part at addr, 0x76 or 0x77. bus opens the
// bus; the source closes it again. Opening sets the part up: it fails when no
// part answers there, or one of another kind.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "bme280", Start: start})
}

// start makes the driver, which finds out the part's kind, reads its calibration
// and writes its settings.
func start(_ context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	r := &recorder{Bus: bus, addr: addr}
	dev, err := bmxx80.NewI2C(r, addr, &bmxx80.DefaultOpts)
	if err = cmp.Or(r.err, err); err == nil && isBMP180(dev) {
		err = r.is(regID, 0xFF, idBMP180) // nothing was written yet that it must acknowledge
	}
	if err != nil {
		return nil, err
	}
	return measure(dev, r), nil
}

func isBMP180(dev *bmxx80.Dev) bool { return strings.HasPrefix(dev.String(), "BMP180") }

// measure asks the driver, and holds what it says against the frames it read.
func measure(dev *bmxx80.Dev, r *recorder) chip.Measure {
	humidity := strings.HasPrefix(dev.String(), "BME280")
	old := isBMP180(dev)
	return func(context.Context) ([]sensors.Value, error) {
		var e physic.Env
		for range 2 {
			r.frame, r.reset, r.err = nil, false, nil
			if err := dev.Sense(&e); err != nil || r.err != nil {
				return nil, cmp.Or(r.err, err)
			}
			if !r.reset {
				break
			}
		}
		if old {
			return values(e, false), r.is(regID, 0xFF, idBMP180)
		}
		if err := r.frame.check(humidity); err != nil {
			return nil, err
		}
		return values(e, humidity), r.is(regControl, 0xFF&^mode, r.control)
	}
}

// values converts what the driver gave.
func values(e physic.Env, humidity bool) []sensors.Value {
	vs := []sensors.Value{
		{Name: "temperature", Unit: "Cel", Num: e.Temperature.Celsius()},
		{Name: "pressure", Unit: "hPa", Num: float64(e.Pressure) / float64(100*physic.Pascal)},
	}
	if humidity {
		vs = append(vs, sensors.Value{Name: "humidity", Unit: "%", Num: float64(e.Humidity) / float64(physic.PercentRH)})
	}
	return vs
}

// recorder keeps what the driver reads, and looks at what the driver does not. It has
// the bytes of both buses: those of a register without its name.
type recorder struct {
	i2c.Bus
	addr    uint16
	spi     bool
	control byte  // settings that were written
	frame   frame // that was measured
	reset   bool  // a BMP180 said what it says before it has measured
	err     error // what is wrong with what was read: the driver turns errors into text
}

// Tx implements i2c.Bus.
func (r *recorder) Tx(_ uint16, w, b []byte) error {
	if len(b) > 0 {
		return r.read(w[0], b)
	}
	for i := 0; i+1 < len(w); i += 2 {
		if w[i]|0x80 == regControl {
			r.control = w[i+1] &^ mode
		}
	}
	return r.Bus.Tx(r.addr, w, nil)
}

// read reads registers.
func (r *recorder) read(reg byte, b []byte) error {
	if reg == regConversion {
		if err := r.converted(); err != nil {
			return err
		}
	}
	if err := r.get(reg, b); err != nil {
		return err
	}
	switch reg {
	case regCalibration, regCalibrationRH:
		r.err = cmp.Or(r.err, level(b))
	case regConversion:
		r.err = cmp.Or(r.err, level(b))
		r.reset = r.reset || b[0] == 0x80 && bytes.Count(b[1:], []byte{0}) == len(b)-1
	case regData:
		r.frame = append(frame(nil), b...)
	}
	return nil
}

// get reads registers as the bus wants it. On SPI a byte that says nothing comes while
// the register is named.
func (r *recorder) get(reg byte, b []byte) error {
	if !r.spi {
		return r.Bus.Tx(r.addr, []byte{reg}, b)
	}
	w, got := make([]byte, len(b)+1), make([]byte, len(b)+1)
	w[0] = reg
	err := r.Bus.Tx(0, w, got)
	copy(b, got[1:])
	return err
}

// converted waits for the end of a BMP180's conversion, for which the driver has
// waited as long as it takes. The bus ends it where there is none.
func (r *recorder) converted() error {
	for {
		var control [1]byte
		if err := r.get(regControl, control[:]); err != nil || control[0]&converting == 0 {
			return err
		}
	}
}

// is asks a part for what a register must say after a measurement: one that lost its
// supply meanwhile says something else, or nothing.
func (r *recorder) is(reg, mask, want byte) error {
	var b [1]byte
	if err := r.get(reg, b[:]); err != nil {
		return err
	}
	switch {
	case b[0] == 0xFF:
		return chip.ErrFloats
	case b[0]&mask != want:
		return chip.ErrForgot
	}
	return nil
}

// level is why bytes cannot be what a part says: they are all that of a line that
// nobody drives, or that is held low.
func level(b []byte) error {
	switch len(b) {
	case bytes.Count(b, []byte{0xFF}):
		return chip.ErrFloats
	case bytes.Count(b, []byte{0}):
		return chip.ErrHeld
	}
	return nil
}

// frame is the content of the data registers: 20 bits of pressure, 20 bits of
// temperature, and 16 bits of humidity on a BME280.
type frame []byte

// check returns why a frame cannot be a measurement. A measurement that was
// switched off reads 0x80000, or 0x8000 for the humidity (section 5.4.7 ff).
func (f frame) check(humidity bool) error {
	if len(f) < 6 {
		return errors.New("no data was read")
	}
	off := func(b []byte) bool { return b[0] == 0x80 && b[1] == 0 && (len(b) == 2 || b[2]&0xF0 == 0) }
	switch {
	case off(f[3:6]), humidity && len(f) == 8 && off(f[6:8]):
		return chip.ErrForgot
	}
	return level(f)
}
