// Package ds18b20 reads the thermometers DS18B20, DS18S20, DS1822, DS1825 and
// DS28EA00 on the 1-wire lines of a DS2482-100, DS2482-800 or DS2483 bridge, over
// I²C, without a 1-wire driver of the kernel. With one, package sysfs reads them.
//
// The bridge is driven by periph's devices/v3/ds248x, which is made anew for each
// measurement: it stays dead after an error, and knows nothing of a bridge that lost
// its supply. It is not told the address, because it refuses some that the
// DS2482-100 and -800 have. The thermometer is our own: periph's devices/v3/ds18b20
// writes the EEPROM and clears the alarm registers when the resolution is another
// one, has no text that tells a wrong checksum from a part that is gone, and its
// guard against 85 °C compares with 85 K. A resolution is set in the part's memory
// only, and again after it lost its supply.
// Datasheets: 19-4930 (DS2482-100), 19-7487 (DS18B20), 19-5474 (DS18S20).
//
// # Limits
//
// A measurement holds the bus for as long as the part takes: 750 ms, or less by its
// resolution. Other sensors on the same I²C bus wait meanwhile. A strong pull-up
// feeds one part on parasitic power at a time. The thermocouple converters MAX31850
// and MAX31851, which share a family code with the DS1825, are refused.
package ds18b20

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// Options says which thermometer is meant.
type Options struct {
	Device     string // its number as Linux writes it, "28-0316a2795cff"; default the only one there is
	Resolution int    // bits, 9 to 12; default as the part has it, and always for a DS18S20, which has no choice
}

// Commands of the thermometers.
const (
	matchROM     = 0x55
	convert      = 0x44
	writeScratch = 0x4E
	readScratch  = 0xBE
)

const (
	familyCoarse = 0x10 // DS18S20
	familyNarrow = 0x3B // DS1825, and MAX31850

	lines = 8 // of a bridge at most
)

// What is wrong on the line.
var (
	errNobody = chip.Fault("no part answers on the 1-wire line", "check the data line, ground and the supply of the thermometer")
	errGone   = chip.Fault("the thermometer does not answer", "check its number (agent probe lists those there are), its wires and its supply")
	errShort  = chip.Fault("the 1-wire line is shorted to ground", "check the data line for a short circuit, and for a part that is the wrong way round")
	errZeros  = chip.Fault("nothing but zeros is read", "the data line is held low: check it for a short circuit")
)

// Open returns an opener for a thermometer behind the bridge at addr. bus opens the
// I²C bus; the source closes it again.
func Open(bus func() (i2c.BusCloser, error), addr uint16, opt Options) sensors.Opener {
	return chip.Open(bus, addr, chip.Driver{
		Name: "ds18b20", Limit: 4 * time.Second, Transfers: 4096,
		Start: func(ctx context.Context, bus i2c.Bus, addr uint16) (chip.Measure, error) {
			return start(ctx, &wire{bus: bus, addr: addr}, opt)
		},
	})
}

// Search lists the numbers of the thermometers behind the bridge at addr, as Linux
// writes them.
func Search(ctx context.Context, bus i2c.Bus, addr uint16) (ids []string, err error) {
	found, err := all(ctx, &wire{bus: bus, addr: addr})
	for _, t := range found {
		ids = append(ids, ID(t.addr))
	}
	return ids, err
}

// all lists the thermometers on every line of a bridge, with an error those that
// were found until then.
func all(ctx context.Context, w *wire) (found []*thermometer, err error) {
	for line := 0; line < lines; line++ {
		addrs, err := w.search(ctx, line)
		for _, a := range addrs {
			found = append(found, &thermometer{wire: w, line: line, addr: a})
		}
		switch {
		case errors.Is(err, errNoLine):
			return found, nil
		case err != nil && !errors.Is(err, errNobody):
			return found, err
		}
	}
	return found, nil
}

// thermometer is one part, and where it is.
type thermometer struct {
	wire *wire
	line int
	addr onewire.Address
	bits int // resolution
}

func start(ctx context.Context, w *wire, opt Options) (chip.Measure, error) {
	t, err := find(ctx, w, opt.Device)
	if err != nil {
		return nil, err
	}
	pad, err := t.scratchpad()
	if err != nil {
		return nil, err
	}
	if t.family() == familyNarrow && pad[4]&0x80 != 0 {
		return nil, fmt.Errorf("%w: a MAX31850", chip.ErrStranger)
	}
	t.bits = resolution(t.family(), pad)
	if opt.Resolution != 0 && opt.Resolution != t.bits && t.family() != familyCoarse {
		t.bits = opt.Resolution
		if err := t.tell(writeScratch, pad[2], pad[3], byte(t.bits-9)<<5|0x1F); err != nil {
			return nil, err
		}
	}
	return t.measure, nil
}

func resolution(family byte, pad []byte) int {
	if family == familyCoarse {
		return 12
	}
	return 9 + int(pad[4]>>5&3)
}

// find returns the thermometer of that number, or the only one.
func find(ctx context.Context, w *wire, device string) (*thermometer, error) {
	if device == "" {
		return findOnly(ctx, w)
	}
	addr, err := parse(device)
	if err != nil {
		return nil, err
	}
	var last error
	for line := 0; line < lines; line++ {
		if err := w.begin(line); errors.Is(err, errNoLine) {
			break
		} else if err != nil {
			return nil, err
		}
		t := &thermometer{wire: w, line: line, addr: addr}
		_, err := t.scratchpad()
		if err == nil {
			return t, nil
		}
		if last == nil || errors.Is(last, errNobody) {
			last = err
		}
	}
	return nil, last
}

func findOnly(ctx context.Context, w *wire) (*thermometer, error) {
	found, err := all(ctx, w)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, errNobody
	case len(found) == 1:
		return found[0], nil
	}
	var names []string
	for _, t := range found {
		names = append(names, ID(t.addr))
	}
	return nil, chip.Fault(fmt.Sprintf("there are %d thermometers", len(found)), "name one in device: "+strings.Join(names, ", "))
}

func (t *thermometer) family() byte { return byte(t.addr) }

// measure has the part measure and reads what it did.
func (t *thermometer) measure(ctx context.Context) ([]sensors.Value, error) {
	if err := t.wire.begin(t.line); err != nil {
		return nil, err
	}
	if err := t.tell(convert); err != nil {
		return nil, err
	}
	// 750 ms at 12 bits, half of it at each less; the part's clock may be late.
	if err := chip.Pause(ctx, 760*time.Millisecond>>(12-t.bits)); err != nil {
		return nil, err
	}
	busy, err := t.wire.converting()
	if err != nil {
		return nil, err
	}
	pad, err := t.scratchpad()
	if err != nil {
		return nil, err
	}
	if resolution(t.family(), pad) != t.bits {
		return nil, chip.ErrForgot
	}
	if busy { // its memory holds the measurement before
		return nil, chip.ErrBusy
	}
	return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: celsius(t.family(), t.bits, pad)}}, nil
}

// celsius is the temperature in a scratchpad (19-7487, table 1; 19-5474, page 6).
func celsius(family byte, bits int, pad []byte) float64 {
	raw := int16(uint16(pad[1])<<8 | uint16(pad[0]))
	if family != familyCoarse {
		return float64(raw>>(12-bits)<<(12-bits)) / 16
	}
	if pad[7] == 0 {
		return float64(raw) / 2
	}
	per := float64(pad[7])
	return float64(raw>>1) - 0.25 + (per-float64(pad[6]))/per
}

// tell sends a command, and the pull-up that it may need behind it.
func (t *thermometer) tell(command ...byte) error {
	return t.wire.tx(append(t.selection(), command...), nil, onewire.StrongPullup)
}

func (t *thermometer) selection() []byte {
	w := []byte{matchROM}
	for i := range 8 {
		w = append(w, byte(t.addr>>(8*i)))
	}
	return w
}

// scratchpad reads the part's memory.
func (t *thermometer) scratchpad() ([]byte, error) {
	var pad [9]byte
	if err := t.wire.tx(append(t.selection(), readScratch), pad[:], onewire.WeakPullup); err != nil {
		return nil, err
	}
	switch pad {
	case [9]byte{}:
		return nil, errZeros
	case [9]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}:
		return nil, errGone
	}
	if !onewire.CheckCRC(pad[:]) {
		return nil, fmt.Errorf("%w: scratchpad % x", chip.ErrChecksum, pad)
	}
	return pad[:], nil
}

// ID is the number of a part as Linux writes it.
func ID(a onewire.Address) string {
	return fmt.Sprintf("%02x-%012x", byte(a), uint64(a)>>8&(1<<48-1))
}

// parse reads such a number.
func parse(id string) (onewire.Address, error) {
	family, serial, _ := strings.Cut(id, "-")
	f, err1 := strconv.ParseUint(family, 16, 8)
	s, err2 := strconv.ParseUint(serial, 16, 48)
	a := f | s<<8
	if err1 != nil || err2 != nil || !thermal(byte(f)) || ID(onewire.Address(a)) != id {
		return 0, chip.Fault(strconv.Quote(id)+" is no number of a thermometer", "such as 28-0316a2795cff; agent probe lists those there are")
	}
	var rom [7]byte
	for i := range rom {
		rom[i] = byte(a >> (8 * i))
	}
	return onewire.Address(a | uint64(onewire.CalcCRC(rom[:]))<<56), nil
}

// thermal reports whether parts of that family are read here.
func thermal(family byte) bool {
	switch family {
	case 0x28, familyCoarse, 0x22, familyNarrow, 0x42:
		return true
	}
	return false
}
