package ds18b20

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board/boardsim"
	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// rig is a bridge at an address that periph's driver refuses, with parts.
type rig struct {
	t      *testing.T
	bridge *boardsim.DS2482
	bus    *boardsim.Bus
	parts  []*boardsim.DS18B20
}

func newRig(t *testing.T, lines int, parts ...*boardsim.DS18B20) *rig {
	r := &rig{t: t, bridge: boardsim.NewDS2482(lines), parts: parts}
	for i, p := range parts {
		r.bridge.Attach((lines-1)*(i+1)%8, p)
	}
	r.bus = boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x1B: r.bridge})
	return r
}

func (r *rig) open(opt Options) sensors.Source {
	r.t.Helper()
	src, err := Open(r.bus.Open, 0x1B, opt)(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return src
}

// says wants a temperature.
func (r *rig) says(src sensors.Source, want float64) time.Duration {
	r.t.Helper()
	begin := time.Now()
	vs, err := src.Sense(r.t.Context())
	if err != nil || len(vs) != 1 || vs[0].Num != want || vs[0].Unit != "Cel" {
		r.t.Errorf("%+v, %v, want %v", vs, err, want)
	}
	return time.Since(begin)
}

// fails wants an error with a hint.
func (r *rig) fails(err error, reason, hint string) {
	r.t.Helper()
	var h interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), reason) || !errors.As(err, &h) || !strings.Contains(h.Hint(), hint) {
		r.t.Errorf("%v, want %q with hint %q", err, reason, hint)
	}
}

func rigged(t *testing.T, lines int, do func(*rig), families ...byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var parts []*boardsim.DS18B20
		for i, f := range families {
			parts = append(parts, boardsim.NewDS18B20(f, 0x0316a2795c00+uint64(i)))
		}
		do(newRig(t, lines, parts...))
	})
}

// Every family, by number, with others on the line; below and above zero.
func TestFamilies(t *testing.T) {
	for _, lines := range []int{1, 8} {
		rigged(t, lines, func(r *rig) {
			for i, p := range r.parts {
				src := r.open(Options{Device: p.ID()})
				for _, c := range []float64{-55, -10.125, -0.5, 0, 25.0625, 84.9375, 125} {
					p.Set(c)
					r.parts[(i+1)%len(r.parts)].Set(c + 1)
					r.says(src, c)
				}
			}
		}, 0x28, 0x10, 0x22, 0x3B, 0x42)
	}
}

func TestOnlyOne(t *testing.T) {
	rigged(t, 1, func(r *rig) { r.says(r.open(Options{}), 21.5) }, 0x28)
	rigged(t, 8, func(r *rig) { r.says(r.open(Options{}), 21.5) }, 0x28)
	rigged(t, 1, func(r *rig) { r.says(r.open(Options{}), 21.5) }, 0x28, 0x2D) // a memory beside it
	rigged(t, 1, func(r *rig) {
		_, err := Open(r.bus.Open, 0x1B, Options{})(r.t.Context())
		r.fails(err, "2 thermometers", "28-0316a2795c00")
		r.fails(err, "2 thermometers", "10-0316a2795c01")
	}, 0x28, 0x10)
	rigged(t, 1, func(r *rig) {
		_, err := Open(r.bus.Open, 0x1B, Options{})(r.t.Context())
		r.fails(err, "no part answers on the 1-wire line", "supply of the thermometer")
	})
}

func TestSearch(t *testing.T) {
	for _, lines := range []int{1, 8} {
		rigged(t, lines, func(r *rig) {
			found, err := Search(r.t.Context(), r.bus, 0x1B)
			slices.Sort(found)
			want := []string{"10-0316a2795c02", "28-0316a2795c00", "28-0316a2795c01"}
			if err != nil || !slices.Equal(found, want) {
				t.Errorf("%d lines: %q, %v", lines, found, err)
			}
		}, 0x28, 0x28, 0x10, 0x2D)
	}
	rigged(t, 1, func(r *rig) {
		if found, err := Search(r.t.Context(), r.bus, 0x1B); err != nil || found != nil {
			t.Errorf("%q, %v", found, err)
		}
		r.bridge.Short(true)
		_, err := Search(r.t.Context(), r.bus, 0x1B)
		r.fails(err, "shorted", "short circuit")
	})
}

// A resolution is the part's own, or is set in its memory alone: its EEPROM and its
// alarm registers stay as they are. It is set again after the part forgot it.
func TestResolution(t *testing.T) {
	for bits, want := range map[int]struct {
		c    float64
		most time.Duration
	}{0: {25.9375, time.Second}, 12: {25.9375, time.Second}, 11: {25.875, 402 * time.Millisecond}, 10: {25.75, 212 * time.Millisecond}, 9: {25.5, 122 * time.Millisecond}} {
		rigged(t, 1, func(r *rig) {
			p := r.parts[0]
			p.Set(25.94)
			src := r.open(Options{Device: p.ID(), Resolution: bits})
			if took := r.says(src, want.c); took > want.most {
				t.Errorf("%d bits took %v", bits, took)
			}
			p.PowerCycle()
			r.says(src, want.c)
			if th, tl, config, writes := p.Stored(); th != 0x4B || tl != 0x46 || config != 0x7F || writes != 0 {
				t.Errorf("%d bits: EEPROM %x %x %x, written %d times", bits, th, tl, config, writes)
			}
			if pad := scratch(r); pad[2] != 0x4B || pad[3] != 0x46 {
				t.Errorf("%d bits: alarm registers % x", bits, pad)
			}
		}, 0x28)
	}
}

// scratch reads the memory of the only part.
func scratch(r *rig) []byte {
	r.t.Helper()
	w := &wire{bus: r.bus, addr: 0x1B}
	found, err := all(r.t.Context(), w)
	if err != nil || len(found) != 1 {
		r.t.Fatal(found, err)
	}
	pad, err := found[0].scratchpad()
	if err != nil {
		r.t.Fatal(err)
	}
	return pad
}

// What goes wrong on the line has a name, and heals.
func TestLineFaults(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		p := r.parts[0]
		src := r.open(Options{Device: p.ID()})
		for _, c := range []struct {
			what         string
			do, undo     func()
			reason, hint string
		}{
			{"part gone", func() { p.SetFault(boardsim.Absent) }, func() { p.SetFault(boardsim.NoFault) }, "does not answer", "agent probe"},
			{"all parts gone", func() { r.bridge.Detach(p); r.bridge.Detach(r.parts[1]) }, func() { r.bridge.Attach(0, p) }, "no part answers", "supply"},
			{"checksum", func() { p.SetFault(boardsim.BadChecksum) }, func() { p.SetFault(boardsim.NoFault) }, "checksum is wrong", "wires"},
			{"short circuit", func() { r.bridge.Short(true) }, func() { r.bridge.Short(false) }, "shorted", "short circuit"},
			{"bridge stuck", func() { r.bridge.SetFault(boardsim.StuckBusy) }, func() { r.bridge.SetFault(boardsim.NoFault) }, "stays busy", "power-cycle"},
			{"bridge gone", func() { r.bridge.SetFault(boardsim.Absent) }, func() { r.bridge.SetFault(boardsim.NoFault) }, "no acknowledgement", "address"},
			{"bridge lost its supply", r.bridge.PowerCycle, nil, "", ""},
		} {
			c.do()
			if c.undo != nil {
				vs, err := src.Sense(r.t.Context())
				if err == nil {
					t.Errorf("%s: %+v", c.what, vs)
				}
				r.fails(err, c.reason, c.hint)
				c.undo()
			}
			r.says(src, 21.5)
		}
	}, 0x28, 0x28)
}

// A conversion that never ends leaves the measurement before in the part's memory.
func TestEndlessConversion(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		src := r.open(Options{})
		r.says(src, 21.5)
		r.parts[0].Set(5)
		r.parts[0].SetFault(boardsim.StuckBusy)
		if vs, err := src.Sense(r.t.Context()); !errors.Is(err, chip.ErrBusy) {
			r.t.Errorf("%+v, %v", vs, err)
		}
		r.parts[0].SetFault(boardsim.NoFault)
		r.says(src, 5)
	}, 0x28)
}

// A part that lost its supply while it measured says what is known to be no
// measurement: 85 °C, which the sampler judges.
func TestPowerOnValue(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		src := r.open(Options{})
		time.AfterFunc(300*time.Millisecond, r.parts[0].PowerCycle)
		r.says(src, 85)
	}, 0x28)
}

func TestParasite(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		r.parts[0].Parasite()
		r.says(r.open(Options{}), 21.5)
	}, 0x28)
}

func TestDeviceNumbers(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		for _, id := range []string{"28", "28-", "28-xyz", "2d-0316a2795c00", "28-00000316a2795c00f", "-1-0"} {
			_, err := Open(r.bus.Open, 0x1B, Options{Device: id})(r.t.Context())
			r.fails(err, "no number of a thermometer", "agent probe")
		}
		_, err := Open(r.bus.Open, 0x1B, Options{Device: "28-000000000001"})(r.t.Context())
		r.fails(err, "does not answer", "agent probe")
	}, 0x28)
}

// rawBus is a bridge that answers every scratchpad with these bytes.
type rawBus struct {
	i2c.BusCloser
	pad  []byte
	next int
}

func (b *rawBus) Tx(addr uint16, w, r []byte) error {
	if err := b.BusCloser.Tx(addr, w, r); err != nil {
		return err
	}
	switch {
	case len(w) == 1 && w[0] == 0xB4:
		b.next = 0
	case len(w) == 2 && w[0] == 0xE1 && w[1] == 0xE1:
		r[0] = b.pad[b.next]
		b.next++
	}
	return nil
}

// The bytes of the datasheets: 19-7487, table 1, and what a scratchpad may be that is
// none.
func TestScratchpads(t *testing.T) {
	for _, c := range []struct {
		device, pad string // without its checksum; with one it stands as it is
		want        float64
		err         string
	}{
		{"28-000000000001", "d0074b467fff0c10", 125, ""},
		{"28-000000000001", "50054b467fff0c10", 85, ""},
		{"28-000000000001", "91014b467fff0c10", 25.0625, ""},
		{"28-000000000001", "a2004b467fff0c10", 10.125, ""},
		{"28-000000000001", "08004b467fff0c10", 0.5, ""},
		{"28-000000000001", "f8ff4b467fff0c10", -0.5, ""},
		{"28-000000000001", "5eff4b467fff0c10", -10.125, ""},
		{"28-000000000001", "6ffe4b467fff0c10", -25.0625, ""},
		{"28-000000000001", "90fc4b467fff0c10", -55, ""},
		{"28-000000000001", "97014b461fff0c10", 25, ""},  // bits 2 to 0 say nothing at 9 bits
		{"10-000000000001", "32004b46ffff0c10", 25, ""},  // 19-5474: 25 - 0.25 + 4/16
		{"10-000000000001", "ceff4b46ffff0c10", -25, ""}, // -25 - 0.25 + 4/16
		{"10-000000000001", "32004b46ffff0110", 25.6875, ""},
		{"10-000000000001", "33004b46ffff0c00", 25.5, ""}, // without a count
		{"3b-000000000001", "91014b4670ff0c10", 25.0625, ""},
		{"3b-000000000001", "91014b46f0ffffff", 0, "MAX31850"},
		{"28-000000000001", "000000000000000000", 0, "zeros"},
		{"28-000000000001", "ffffffffffffffffff", 0, "does not answer"},
		{"28-000000000001", "91014b467fff0c1000", 0, "checksum"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1, boardsim.NewDS18B20(0x28, 9))
			pad, err := hex.DecodeString(c.pad)
			if err != nil {
				t.Fatal(err)
			}
			if len(pad) == 8 {
				pad = append(pad, crc(pad))
			}
			bus := func() (i2c.BusCloser, error) { return &rawBus{BusCloser: r.bus, pad: pad}, nil }
			src, err := Open(bus, 0x1B, Options{Device: c.device})(t.Context())
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s: %v, want %q", c.pad, err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(c.pad, err)
			}
			r.says(src, c.want)
		})
	}
}

// crc divides as application note 27 draws it.
func crc(data []byte) (c byte) {
	for _, b := range data {
		for i := range 8 {
			in := c&1 ^ b>>i&1
			c = c>>1 ^ in*0x8C
		}
	}
	return c
}

func TestCancelled(t *testing.T) {
	rigged(t, 1, func(r *rig) {
		src := r.open(Options{})
		begin := time.Now()
		ctx, cancel := context.WithTimeout(r.t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := src.Sense(ctx); !errors.Is(err, chip.ErrBusy) {
			t.Error(err)
		}
		if d := time.Since(begin); d > 150*time.Millisecond {
			t.Errorf("took %v", d)
		}
	}, 0x28)
}
