// Package chip is what every part on an I²C bus needs around its driver: a
// handle on the bus, an end to each call, and errors that say what is wrong with
// the wires instead of what the driver made of it.
//
// A [Driver] is one kind of part; [Open] makes an opener for one at an address.
// Its Start sets the part up and returns what measures. It is called anew after
// failures, and on the spot when a measurement returns [ErrForgot].
//
// # Limits
//
// A driver that sleeps or loops without the bus is not ended here: the sampler's
// own deadline is for that.
package chip

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"fieldpost/sensors"
)

// Limit bounds one measurement, and one set-up of a part, unless its Driver says
// otherwise.
const Limit = 2 * time.Second

const (
	// freeTransfers is more than a set-up and a measurement of most parts need.
	freeTransfers = 16
	// askPause is between two askings of a busy part.
	askPause = 5 * time.Millisecond
)

// What is wrong with a part, beside what the bus says. They know the
// technician's next move.
var (
	ErrBusy     error = &partError{"part stays busy", "power-cycle the part; if it stays busy replace it"}
	ErrFloats   error = &partError{"part answers with 0xff only", "check the part's supply and the data line (SDA)"}
	ErrHeld     error = &partError{"part answers with 0x00 only", "check the data line (SDA) for a short circuit to ground, and the part's supply"}
	ErrForgot   error = &partError{"part lost its settings", "the part's supply is interrupted: check it"}
	ErrChecksum error = &partError{"checksum is wrong", "check for long or bad wires, missing pull-ups and noise on the supply; a slower bus helps"}
	ErrStranger error = &partError{"another kind of part answers", "check the address and the source in the configuration"}
)

// Fault is an error of a part of one kind only, with the technician's next move.
func Fault(text, hint string) error { return &partError{text, hint} }

type partError struct{ text, hint string }

func (e *partError) Error() string { return e.text }
func (e *partError) Hint() string  { return e.hint }

// Measure takes one measurement.
type Measure func(ctx context.Context) ([]sensors.Value, error)

// Driver is one kind of part.
type Driver struct {
	Name  string        // of the source
	Limit time.Duration // of a set-up and of a measurement; default Limit
	// Start sets the part up. It must not scan the bus. The bus ends the loops of
	// a driver that asks a busy part again and again.
	Start func(ctx context.Context, bus i2c.Bus, addr uint16) (Measure, error)
	// OnesAreData says that a measurement may read 0xff alone without a fault.
	OnesAreData bool
	// ZerosAreData says the same of 0x00.
	ZerosAreData bool
	// Transfers is what a set-up and a measurement may need; what comes after them in
	// one call is the asking of a busy part. Default 16.
	Transfers int
}

// Open returns an opener for the part at addr. bus opens the bus; the source
// closes it again. It fails when no part answers there.
func Open(bus func() (i2c.BusCloser, error), addr uint16, d Driver) sensors.Opener {
	d.Limit = cmp.Or(d.Limit, Limit)
	d.Transfers = cmp.Or(d.Transfers, freeTransfers)
	return func(ctx context.Context) (sensors.Source, error) {
		b, err := bus()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		s := &source{driver: d, addr: addr, bus: guard{bus: b, free: d.Transfers}}
		if err := s.start(ctx); err != nil {
			_ = b.Close()
			return nil, err
		}
		return s, nil
	}
}

// source is one part and the handle on its bus.
type source struct {
	driver  Driver
	addr    uint16
	bus     guard
	measure Measure
}

func (s *source) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.driver.Limit)
	defer cancel()
	s.bus.begin(ctx)
	measure, err := s.driver.Start(ctx, &s.bus, s.addr)
	if err != nil || s.floats() {
		return s.fault("set up", err)
	}
	s.measure = measure
	return nil
}

// Sense implements sensors.Source.
func (s *source) Sense(ctx context.Context) ([]sensors.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, s.driver.Limit)
	defer cancel()
	s.bus.begin(ctx)
	vs, err := s.measure(ctx)
	if errors.Is(err, ErrForgot) {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
		s.bus.begin(ctx)
		vs, err = s.measure(ctx)
	}
	if err != nil || s.floats() || s.held() {
		return nil, s.fault("measure", err)
	}
	return vs, nil
}

// Close implements sensors.Source. The part is left as it is.
func (s *source) Close() error { return s.bus.bus.Close() }

// floats reports whether the part said nothing but 0xff in this call, which is
// what a line that nobody drives says.
func (s *source) floats() bool {
	return !s.driver.OnesAreData && s.bus.reads > 0 && s.bus.ones == s.bus.reads
}

// held reports whether the part said nothing but 0x00, which is what a line that
// is held low says. A set-up may do so.
func (s *source) held() bool {
	return !s.driver.ZerosAreData && s.bus.reads > 0 && s.bus.zeros == s.bus.reads
}

// fault names the part, and prefers what the bus knows to the text that the
// driver made of it.
func (s *source) fault(what string, err error) error {
	switch {
	case s.floats():
		err = ErrFloats
	case s.bus.err != nil:
		err = s.bus.err
	case s.held():
		err = ErrHeld
	}
	if s.addr == 0 { // a bus of one part
		return fmt.Errorf("%s: %s on %s: %w", s.driver.Name, what, s.bus.String(), err)
	}
	return fmt.Errorf("%s: %s at %#02x: %w", s.driver.Name, what, s.addr, err)
}

// Pause waits for a part, until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return cause(ctx)
	}
}

// cause is ErrBusy where the call took too long.
func cause(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrBusy
	}
	return err
}

// guard is the bus as the driver sees it. It ends the driver's loops and keeps
// the bus error that a call ends with, and its type.
type guard struct {
	bus   i2c.BusCloser
	free  int             // transfers of a call without pauses
	ctx   context.Context // of the call under way: drivers take none
	count int             // transfers in this call
	reads int             // bytes read in this call
	ones  int             // of them 0xff
	zeros int             // of them 0x00
	err   error           // of the last transfer: what went well after another has nothing to do with it
}

// begin starts a call.
func (g *guard) begin(ctx context.Context) { *g = guard{bus: g.bus, free: g.free, ctx: ctx} }

func (g *guard) String() string                    { return g.bus.String() }
func (g *guard) SetSpeed(f physic.Frequency) error { return g.bus.SetSpeed(f) }

// Tx implements i2c.Bus.
func (g *guard) Tx(addr uint16, w, r []byte) error {
	if g.count++; g.count > g.free {
		_ = Pause(g.ctx, askPause)
	}
	err := cause(g.ctx)
	if err == nil {
		err = g.bus.Tx(addr, w, r)
	}
	g.err = err
	if err != nil {
		return err
	}
	g.reads += len(r)
	g.ones += bytes.Count(r, []byte{0xFF})
	g.zeros += bytes.Count(r, []byte{0})
	return nil
}
