package boardsim

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"fieldpost/board"
)

func TestBusesByName(t *testing.T) {
	bus := NewBus("/dev/i2c-1", map[uint16]Part{0x76: NewBME280(), 0x77: NewBME280()})
	b := New(Options{Buses: []*Bus{bus}})
	h, err := b.I2C("/dev/i2c-1")
	if err != nil {
		t.Fatal(err)
	}
	var id [1]byte
	for _, addr := range []uint16{0x76, 0x77} {
		if err := h.Tx(addr, []byte{regID}, id[:]); err != nil || id[0] != chipID {
			t.Errorf("address %#x: %#x, %v", addr, id[0], err)
		}
	}
	if err := h.Tx(0x40, []byte{0}, id[:]); !errors.Is(err, board.ErrNoAck) {
		t.Errorf("empty address: %v", err)
	}
	bus.Attach(0x77, nil)
	if err := h.Tx(0x77, []byte{0}, id[:]); !errors.Is(err, board.ErrNoAck) {
		t.Errorf("part taken off: %v", err)
	}

	bus.Unplug()
	if err := h.Tx(0x76, []byte{regID}, id[:]); !errors.Is(err, board.ErrIO) {
		t.Errorf("unplugged: %v", err)
	}
	_, err = b.I2C("/dev/i2c-1")
	var hinted interface{ Hint() string }
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "dtparam=i2c_arm=on") {
		t.Errorf("open while unplugged: %v", err)
	}
	bus.Plug()
	if err := h.Tx(0x76, []byte{regID}, id[:]); !errors.Is(err, board.ErrIO) {
		t.Errorf("an old handle works again: %v", err)
	}
	h, err = b.I2C("/dev/i2c-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Tx(0x76, []byte{regID}, id[:]); err != nil {
		t.Errorf("plugged in again: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Tx(0x76, []byte{regID}, id[:]); !errors.Is(err, board.ErrClosed) {
		t.Errorf("closed handle: %v", err)
	}
}

func TestOutputs(t *testing.T) {
	b := New(Options{Lines: []string{"GPIO17"}})
	if _, err := b.Output("fan", "GPIO99", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown line: %v", err)
	}
	o, err := b.Output("fan", "GPIO17", true)
	if err != nil {
		t.Fatal(err)
	}
	if on, driven := b.Level("GPIO17"); !on || !driven || !o.On() || o.Name() != "fan" {
		t.Error("initial level was not driven")
	}
	if _, err := b.Output("pump", "GPIO17", false); !errors.Is(err, board.ErrInUse) {
		t.Errorf("line taken twice: %v", err)
	}
	if err := o.Set(false); err != nil {
		t.Fatal(err)
	}
	if on, _ := b.Level("GPIO17"); on || o.On() {
		t.Error("line is still on")
	}
	if err := errors.Join(o.Close(), o.Close()); err != nil {
		t.Fatal(err)
	}
	if err := o.Set(true); !errors.Is(err, board.ErrClosed) {
		t.Errorf("set after close: %v", err)
	}
	if _, err := b.Output("pump", "GPIO17", false); err != nil {
		t.Errorf("line was not given back: %v", err)
	}
}

func TestRoomStaysInARoom(t *testing.T) {
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	room, again, other := Room(1), Room(1), Room(2)
	before, _, _ := room(start)
	moved, differs := false, false
	for d := time.Duration(0); d < 72*time.Hour; d += 7 * time.Minute {
		at := start.Add(d)
		tempC, pct, hPa := room(at)
		if same, _, _ := again(at); same != tempC {
			t.Fatalf("after %v: %v, and with the same seed %v", d, tempC, same)
		}
		elsewhere, _, _ := other(at)
		moved, differs = moved || tempC != before, differs || elsewhere != tempC
		if tempC < 15 || tempC > 28 || pct < 30 || pct > 60 || hPa < 990 || hPa > 1030 {
			t.Fatalf("after %v: %v °C, %v %%, %v hPa", d, tempC, pct, hPa)
		}
	}
	if !moved || !differs {
		t.Errorf("moves: %v, depends on the seed: %v", moved, differs)
	}
}

func TestDemoBoard(t *testing.T) {
	b := NewDemoBoard(1)
	bus, err := board.BusOpener(b, "/dev/i2c-1")()
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	var id [1]byte
	if err := bus.Tx(0x76, []byte{regID}, id[:]); err != nil || id[0] != chipID {
		t.Errorf("%#x, %v", id[0], err)
	}
	if _, err := b.Output("fan", "GPIO17", false); err != nil {
		t.Error(err)
	}
}
