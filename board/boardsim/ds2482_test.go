package boardsim

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/devices/v3/ds18b20"
	"periph.io/x/devices/v3/ds248x"

	"fieldpost/board"
)

// timed is a bus whose transfers take what they take at 100 kHz: periph's driver
// waits for a triplet by asking again at once.
type timed struct{ i2c.Bus }

func (b timed) Tx(addr uint16, w, r []byte) error {
	time.Sleep(time.Duration(len(w)+len(r)+1) * 90 * time.Microsecond)
	return b.Bus.Tx(addr, w, r)
}

func bridge(t *testing.T, lines int, parts ...*DS18B20) (*DS2482, onewire.Bus) {
	t.Helper()
	p := NewDS2482(lines)
	for i, part := range parts {
		p.Attach(i%lines, part)
	}
	b, err := ds248x.New(timed{NewBus("/dev/i2c-1", map[uint16]Part{0x18: p})}, 0x18, &ds248x.DefaultOpts)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func address(p *DS18B20) (a onewire.Address) {
	for i, b := range p.rom {
		a |= onewire.Address(b) << (8 * i)
	}
	return a
}

// periph's drivers, as they are, find and read parts of several families.
func TestDriversOfOthersReadThermometers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []*DS18B20{NewDS18B20(0x28, 0x0316a2795cff), NewDS18B20(0x28, 0x0316a2795cfe), NewDS18B20(0x10, 0x000802bc4a11), NewDS18B20(0x22, 0x1)}
		_, b := bridge(t, 1, parts...)
		found, err := b.Search(false)
		if err != nil || len(found) != len(parts) {
			t.Fatalf("%x, %v", found, err)
		}
		for _, p := range parts {
			if !slices.Contains(found, address(p)) {
				t.Errorf("%s not found in %x", p.ID(), found)
			}
		}
		for _, c := range []float64{125, 21.5, 0.0625, -0.5, -10.125, -55} {
			for _, p := range parts {
				p.Set(c)
				d, err := ds18b20.New(b, address(p), 12)
				if err != nil {
					t.Fatal(err)
				}
				if err := ds18b20.ConvertAll(b, 12); err != nil {
					t.Fatal(err)
				}
				got, err := d.LastTemp()
				if err != nil || got.Celsius() != c {
					t.Errorf("%s: %v, %v, want %v", p.ID(), got, err, c)
				}
			}
		}
		if parts[0].ID() != "28-0316a2795cff" {
			t.Error(parts[0].ID())
		}
	})
}

// The scratchpad is that of the datasheets, with their bits for each temperature.
func TestScratchpad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewDS18B20(0x28, 1)
		_, b := bridge(t, 1, p)
		pad := func() string {
			var r [9]byte
			if err := b.Tx([]byte{0xCC, 0xBE}, r[:], onewire.WeakPullup); err != nil || !onewire.CheckCRC(r[:]) {
				t.Errorf("% x, %v", r, err)
			}
			return hex.EncodeToString(r[:8])
		}
		convert := func(c float64) {
			p.Set(c)
			if err := b.Tx([]byte{0xCC, 0x44}, nil, onewire.WeakPullup); err != nil {
				t.Error(err)
			}
		}
		if got := pad(); got != "50054b467fff0c10" {
			t.Errorf("after power-on: %s", got)
		}
		for _, c := range []struct {
			at  float64
			low string
		}{{125, "d007"}, {85, "5005"}, {25.0625, "9101"}, {10.125, "a200"}, {-10.125, "5eff"}, {-25.0625, "6ffe"}, {-55, "90fc"}} { // 19-7487, table 1
			convert(c.at)
			time.Sleep(700 * time.Millisecond)
			before := pad()[:4]
			time.Sleep(50 * time.Millisecond)
			if got := pad()[:4]; got != c.low || before == c.low {
				t.Errorf("%g: %s, before its time %s, want %s", c.at, got, before, c.low)
			}
		}
		// Nine bits take an eighth of the time, and are forgotten with the supply.
		if err := b.Tx([]byte{0xCC, 0x4E, 1, 2, 0x1F}, nil, onewire.WeakPullup); err != nil {
			t.Error(err)
		}
		convert(25.9)
		time.Sleep(94 * time.Millisecond)
		if got := pad(); got != "980101021fff0c10" {
			t.Errorf("of 9 bits: %s", got)
		}
		p.PowerCycle()
		if got := pad(); got != "50054b467fff0c10" {
			t.Errorf("without a supply for a moment: %s", got)
		}
	})
}

// A part that lives on its data line measures under a strong pull-up only.
func TestParasite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewDS18B20(0x28, 1)
		p.Parasite()
		_, b := bridge(t, 1, p)
		read := func(pull onewire.Pullup, wait time.Duration) byte {
			var r [9]byte
			if err := b.Tx([]byte{0xCC, 0x44}, nil, pull); err != nil {
				t.Error(err)
			}
			time.Sleep(wait)
			if err := b.Tx([]byte{0xCC, 0xBE}, r[:], onewire.WeakPullup); err != nil {
				t.Error(err)
			}
			return r[0]
		}
		for _, c := range []struct {
			pull onewire.Pullup
			wait time.Duration
			want byte
		}{{onewire.WeakPullup, time.Second, 0x50}, {onewire.StrongPullup, 300 * time.Millisecond, 0x50}, {onewire.StrongPullup, 760 * time.Millisecond, 0x58}} {
			if got := read(c.pull, c.wait); got != c.want {
				t.Errorf("%v for %v: %#x, want %#x", c.pull, c.wait, got, c.want)
			}
		}
	})
}

// Each of eight lines has its own parts.
func TestLinesOfABridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []*DS18B20{NewDS18B20(0x28, 1), NewDS18B20(0x28, 2), NewDS18B20(0x28, 3)}
		_, b := bridge(t, 8, parts...)
		for i, p := range parts {
			if err := b.(*ds248x.Dev).ChannelSelect(i); err != nil || b.(*ds248x.Dev).SelectedChannel() != i {
				t.Error(i, err, b.(*ds248x.Dev).SelectedChannel())
			}
			if found, err := b.Search(false); err != nil || len(found) != 1 || found[0] != address(p) {
				t.Errorf("line %d: %x, %v", i, found, err)
			}
		}
	})
}

// The registers answer as in 19-4930.
func TestBridgeRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, part := NewDS2482(1), NewDS18B20(0x28, 1)
		p.Attach(0, part)
		ask := func(w string, n int) string {
			send, _ := hex.DecodeString(w)
			r := make([]byte, n)
			if err := p.Tx(send, r); err != nil {
				if !errors.Is(err, board.ErrNoAck) {
					t.Error(err)
				}
				return "nak"
			}
			return hex.EncodeToString(r)
		}
		for _, c := range []struct {
			what, w string
			wait    time.Duration
			want    string
		}{
			{"status after power-on", "", 0, "18"},
			{"configuration", "e1c3", 0, "00"},
			{"configuration, not doubled", "d201", 0, "00"},
			{"configuration, active pull-up", "d2e1", 0, "01"},
			{"status, reset is over", "e1f0", 0, "08"},
			{"reset", "b4", 0, "0b"},
			{"while busy", "b4", 0, "nak"},
			{"while busy, read pointer", "e1f0", 2 * time.Millisecond, "0b"},
			{"presence", "", 0, "0a"},
			{"search", "a5f0", time.Millisecond, "0b"},
			{"triplet: first bit of 0x28 is 0", "7880", time.Millisecond, "4b"},
			{"triplet done", "", 0, "4a"},
			{"no channels", "c3f0", 0, "nak"},
			{"no register of channels", "e1d2", 0, "nak"},
			{"unknown command", "00", 0, "nak"},
			{"reset again", "b4", 2 * time.Millisecond, "4b"},
			{"read ROM", "a533", time.Millisecond, "4b"},
			{"a byte", "96", time.Millisecond, "4b"},
			{"its value", "e1e1", 0, "28"},
			{"a bit", "8780", time.Millisecond, "6b"}, // serial number 1
			{"bit done", "e1f0", 0, "6a"},
			{"device reset", "f0", 0, "18"},
		} {
			if got := ask(c.w, 1); got != c.want {
				t.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
			time.Sleep(c.wait)
		}
		p.Short(true)
		if got := ask("b4", 1); got != "15" {
			t.Errorf("short circuit: %s", got)
		}
		p.Short(false)
		time.Sleep(2 * time.Millisecond)
		p.Detach(part)
		if got := ask("b4", 0); got != "" {
			t.Error(got)
		}
		time.Sleep(2 * time.Millisecond)
		if got := ask("", 1); got != "18" {
			t.Errorf("nobody there: %s", got)
		}
		p.SetFault(StuckBusy)
		if got := ask("", 1) + ask("b4", 1); got != "19nak" {
			t.Errorf("stuck: %s", got)
		}
		p.SetFault(Absent)
		if got := ask("", 1); got != "nak" {
			t.Error(got)
		}
		p.SetFault(NoFault)
		if got := ask("d2e1", 1); got != "01" {
			t.Error(got)
		}
		p.PowerCycle()
		if got := ask("", 1) + ask("e1c3", 1); got != "1800" {
			t.Errorf("without a supply for a moment: %s", got)
		}
	})
}
