package bme280

import (
	"bytes"
	"context"
	"errors"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const (
	regData = 0xF7 // of pressure, temperature and humidity
	// freeTransfers is more than a set-up and a measurement need; what comes
	// after them in one call is the asking of a busy part, one per askPause.
	freeTransfers = 16
	askPause      = 5 * time.Millisecond
)

// Failures that the driver does not see. They know the technician's next move.
var (
	errBusy   = &partError{"part stays busy", "power-cycle the part; if it stays busy replace it"}
	errFloats = &partError{"part answers with 0xff only", "check the part's supply and the data line (SDA)"}
	errForgot = &partError{"part lost its settings", "the part's supply is interrupted: check it"}
)

type partError struct{ text, hint string }

func (e *partError) Error() string { return e.text }
func (e *partError) Hint() string  { return e.hint }

// guard is the bus as the driver sees it. It ends the driver's loops, keeps the
// first bus error of a call, and the frame that was measured.
type guard struct {
	bus   i2c.BusCloser
	ctx   context.Context // of the call under way: the driver takes none
	count int             // transfers in this call
	reads int             // bytes read in this call
	ones  int             // of them 0xff
	err   error           // first of this call
	frame frame           // measured in this call
}

// begin starts a call.
func (g *guard) begin(ctx context.Context) {
	*g = guard{bus: g.bus, ctx: ctx}
}

func (g *guard) String() string                    { return g.bus.String() }
func (g *guard) SetSpeed(f physic.Frequency) error { return g.bus.SetSpeed(f) }

// Tx implements i2c.Bus.
func (g *guard) Tx(addr uint16, w, r []byte) error {
	if g.count++; g.count > freeTransfers {
		pause := time.NewTimer(askPause)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-g.ctx.Done():
		}
	}
	err := context.Cause(g.ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errBusy
	}
	if err == nil {
		err = g.bus.Tx(addr, w, r)
	}
	if err != nil {
		if g.err == nil {
			g.err = err
		}
		return err
	}
	g.reads += len(r)
	g.ones += bytes.Count(r, []byte{0xFF})
	if len(w) == 1 && w[0] == regData {
		g.frame = append(frame(nil), r...)
	}
	return nil
}

// floats reports whether the part said nothing but 0xff in this call: its
// status then reads as busy.
func (g *guard) floats() bool { return g.reads > 0 && g.ones == g.reads }

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
		return errFloats
	case off(f[3:6]), humidity && len(f) == 8 && off(f[6:8]):
		return errForgot
	}
	return nil
}
