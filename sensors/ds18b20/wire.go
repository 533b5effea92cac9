package ds18b20

import (
	"context"
	"errors"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/ds248x"

	"fieldpost/sensors/chip"
)

// Of the bridge (19-4930, page 7 ff).
const (
	bridgeReset    = 0xF0
	bridgeTriplet  = 0x78
	bridgeReadByte = 0x96
	bridgePoint    = 0xE1
	bridgeStatus   = 0xF0 // behind bridgePoint
	bridgeData     = 0xE1 // likewise
	bridgeBusy     = 0x01
	bridgeHigh     = 0x08 // the line is not held low
	bridgeWasReset = 0x10
)

// errNoLine: the bridge has fewer lines.
var errNoLine = errors.New("no such line")

// wire is the bridge. It is the I²C bus for periph's driver, and drives it.
type wire struct {
	bus  i2c.Bus
	addr uint16
	dev  *ds248x.Dev
}

// The address periph's driver is given: any that it takes.
const nominal = 0x18

// tripletTime is what a bridge takes for three bits. periph's driver asks for its end
// without a pause.
const tripletTime = 210 * time.Microsecond

// String, SetSpeed and Tx implement i2c.Bus.
func (w *wire) String() string                    { return w.bus.String() }
func (w *wire) SetSpeed(f physic.Frequency) error { return w.bus.SetSpeed(f) }

func (w *wire) Tx(_ uint16, send, r []byte) error {
	err := w.bus.Tx(w.addr, send, r)
	if len(send) > 0 && send[0] == bridgeTriplet {
		time.Sleep(tripletTime)
	}
	return err
}

// begin sets the bridge up and chooses a line; it is errNoLine where the bridge has
// no such.
func (w *wire) begin(line int) error {
	var status [1]byte
	if err := w.bus.Tx(w.addr, []byte{bridgeReset}, status[:]); err != nil {
		return err
	}
	switch s := status[0]; {
	case s == 0xFF:
		return chip.ErrFloats
	case s&bridgeBusy != 0:
		return chip.ErrBusy
	case s&bridgeWasReset == 0:
		return chip.ErrStranger
	case s&bridgeHigh == 0:
		return errShort
	}
	dev, err := ds248x.New(w, nominal, &ds248x.DefaultOpts)
	if err != nil {
		return err
	}
	w.dev = dev
	// The driver tells bridges apart by what they do not acknowledge. That is no fault
	// of the bus, which a transfer that goes well says.
	if err := w.bus.Tx(w.addr, []byte{bridgePoint, bridgeStatus}, status[:]); err != nil {
		return err
	}
	if err := dev.ChannelSelect(line); err != nil {
		if line > 0 {
			return errNoLine
		}
		return err
	}
	return nil
}

func (w *wire) tx(send, r []byte, power onewire.Pullup) error {
	return lineError(w.dev.Tx(send, r, power))
}

// byteTime is what a bridge takes for eight bits.
const byteTime = 700 * time.Microsecond

// converting reports whether the part that was told to measure last still does: it
// holds the line low then, whatever is asked. One on parasitic power never does.
func (w *wire) converting() (bool, error) {
	if err := w.bus.Tx(w.addr, []byte{bridgeReadByte}, nil); err != nil {
		return false, err
	}
	time.Sleep(byteTime)
	var b [1]byte
	err := w.bus.Tx(w.addr, []byte{bridgePoint, bridgeData}, b[:])
	return b[0] == 0, err
}

// lineError tells what happens on the line from what happens to the bridge.
func lineError(err error) error {
	var short onewire.ShortedBusError
	var line onewire.BusError
	switch {
	case errors.As(err, &short) && short.IsShorted():
		return errShort
	case errors.As(err, &line) && line.BusError():
		return errNobody
	}
	return err
}

// search lists the thermometers on a line.
func (w *wire) search(ctx context.Context, line int) (found []onewire.Address, err error) {
	if err := w.begin(line); err != nil {
		return nil, err
	}
	parts, err := w.dev.Search(false)
	for _, a := range parts {
		if thermal(byte(a)) {
			found = append(found, a)
		}
	}
	if err != nil {
		return found, lineError(err)
	}
	return found, context.Cause(ctx)
}
