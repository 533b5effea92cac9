package bme280

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/bmxx80"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// regData is where pressure, temperature and humidity are read, in one frame.
const regData = 0xF7

// Open returns an opener for the part at addr, 0x76 or 0x77. bus opens the
// bus; the source closes it again. Opening sets the part up: it fails when no
// part answers there, or one of another kind.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{Name: "bme280", Start: start})
}

// start makes the driver, which finds out the part's kind, reads its calibration
// and writes its settings.
func start(_ context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
	r := &recorder{Bus: bus}
	dev, err := bmxx80.NewI2C(r, addr, &bmxx80.DefaultOpts)
	if err != nil {
		return nil, err
	}
	return measure(dev, r), nil
}

// measure asks the driver, and holds what it says against the frame it read.
func measure(dev *bmxx80.Dev, r *recorder) chip.Measure {
	humidity := strings.HasPrefix(dev.String(), "BME280")
	framed := !strings.HasPrefix(dev.String(), "BMP180")
	return func(context.Context) ([]sensors.Value, error) {
		r.frame = nil
		var e physic.Env
		if err := dev.Sense(&e); err != nil {
			return nil, err
		}
		if framed {
			if err := r.frame.check(humidity); err != nil {
				return nil, err
			}
		}
		return values(e, humidity), nil
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

// recorder keeps the frame that was measured.
type recorder struct {
	i2c.Bus
	frame frame
}

// Tx implements i2c.Bus.
func (r *recorder) Tx(addr uint16, w, b []byte) error {
	err := r.Bus.Tx(addr, w, b)
	if err == nil && len(w) == 1 && w[0] == regData {
		r.frame = append(frame(nil), b...)
	}
	return err
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
	case bytes.Count(f, []byte{0xFF}) == len(f):
		return chip.ErrFloats
	case off(f[3:6]), humidity && len(f) == 8 && off(f[6:8]):
		return chip.ErrForgot
	}
	return nil
}
