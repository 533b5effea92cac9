package bme280

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/bmxx80"

	"fieldpost/sensors"
)

// SenseLimit bounds one measurement, and one set-up of the part. At 4x
// oversampling a measurement takes 26 ms, at most 30 ms (appendix B, 9.1).
const SenseLimit = 2 * time.Second

// Open returns an opener for the part at addr, 0x76 or 0x77. bus opens the
// bus; the source closes it again. Opening sets the part up: it fails when no
// part answers there, or one of another kind.
func Open(bus func() (i2c.BusCloser, error), addr uint16) sensors.Opener {
	return func(ctx context.Context) (sensors.Source, error) {
		b, err := bus()
		if err != nil {
			return nil, fmt.Errorf("bme280: %w", err)
		}
		s := &source{guard: guard{bus: b}, addr: addr}
		if err := s.setUp(ctx); err != nil {
			_ = b.Close()
			return nil, err
		}
		return s, nil
	}
}

// source is one part and the handle on its bus.
type source struct {
	guard    guard
	addr     uint16
	dev      *bmxx80.Dev
	humidity bool // the part is a BME280
}

// setUp makes the driver, which finds out the part's kind, reads its
// calibration and writes its settings.
func (s *source) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, SenseLimit)
	defer cancel()
	s.guard.begin(ctx)
	dev, err := bmxx80.NewI2C(&s.guard, s.addr, &bmxx80.DefaultOpts)
	if err != nil {
		return s.fault("set up", err)
	}
	s.dev, s.humidity = dev, strings.HasPrefix(dev.String(), "BME280")
	return nil
}

// Sense implements sensors.Source.
func (s *source) Sense(ctx context.Context) ([]sensors.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, SenseLimit)
	defer cancel()
	e, err := s.measure(ctx)
	if errors.Is(err, errForgot) {
		if err := s.setUp(ctx); err != nil {
			return nil, err
		}
		e, err = s.measure(ctx)
	}
	if err != nil {
		return nil, s.fault("measure", err)
	}
	return s.values(e), nil
}

func (s *source) measure(ctx context.Context) (e physic.Env, err error) {
	s.guard.begin(ctx)
	if err := s.dev.Sense(&e); err != nil {
		return e, err
	}
	return e, s.guard.frame.check(s.humidity)
}

// Close implements sensors.Source. The part sleeps between measurements by
// itself.
func (s *source) Close() error { return s.guard.bus.Close() }

// values converts what the driver gave.
func (s *source) values(e physic.Env) []sensors.Value {
	vs := []sensors.Value{
		{Name: "temperature", Unit: "Cel", Num: e.Temperature.Celsius()},
		{Name: "pressure", Unit: "hPa", Num: float64(e.Pressure) / float64(100*physic.Pascal)},
	}
	if s.humidity {
		vs = append(vs, sensors.Value{Name: "humidity", Unit: "%", Num: float64(e.Humidity) / float64(physic.PercentRH)})
	}
	return vs
}

// fault names the part, and prefers what the guard knows to the text that the
// driver made of it.
func (s *source) fault(what string, err error) error {
	switch {
	case s.guard.floats():
		err = errFloats
	case s.guard.err != nil:
		err = s.guard.err
	}
	return fmt.Errorf("bme280: %s at %#02x: %w", what, s.addr, err)
}
