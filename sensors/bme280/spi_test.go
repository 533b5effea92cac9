package bme280_test

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"

	"fieldpost/board/boardsim"
	"fieldpost/sensors/bme280"
	"fieldpost/sensors/chip"
)

func opener(b *boardsim.Board) func() (spi.PortCloser, error) {
	return func() (spi.PortCloser, error) { return b.SPI("/dev/spidev0.0") }
}

// A part on SPI measures what it does on I²C, and its faults have the same names.
func TestSPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part := boardsim.NewBME280()
		part.Set(-12.3, 71, 987.6)
		port := boardsim.NewPort("/dev/spidev0.0", part)
		b := boardsim.New(boardsim.Options{Ports: []*boardsim.Port{port}})
		src, err := bme280.OpenSPI(opener(b), 500*physic.KiloHertz)(t.Context())
		if err != nil || port.Speed() != 500*physic.KiloHertz {
			t.Fatal(err, port.Speed())
		}
		good := func(when string) {
			t.Helper()
			vs, err := src.Sense(t.Context())
			if err != nil || len(vs) != 3 {
				t.Fatalf("%s: %+v, %v", when, vs, err)
			}
			for i, want := range []float64{-12.3, 987.6, 71} {
				if math.Abs(vs[i].Num-want) > 0.1 {
					t.Errorf("%s: %+v, want %v", when, vs[i], want)
				}
			}
		}
		good("first")
		for _, f := range []boardsim.Fault{boardsim.Absent, boardsim.Corrupt} {
			part.SetFault(f)
			if vs, err := src.Sense(t.Context()); !errors.Is(err, chip.ErrFloats) || !strings.Contains(err.Error(), "/dev/spidev0.0") {
				t.Errorf("fault %d: %+v, %v", f, vs, err)
			}
			part.SetFault(boardsim.NoFault)
			good("healed")
		}
		part.SetFault(boardsim.StuckBusy)
		if _, err := src.Sense(t.Context()); !errors.Is(err, chip.ErrBusy) {
			t.Error(err)
		}
		part.SetFault(boardsim.NoFault)
		part.PowerCycle()
		good("after the supply was gone")
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSPIWithoutAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := boardsim.New(boardsim.Options{Ports: []*boardsim.Port{boardsim.NewPort("/dev/spidev0.0", nil)}})
		if _, err := bme280.OpenSPI(opener(b), physic.MegaHertz)(t.Context()); !errors.Is(err, chip.ErrFloats) {
			t.Error(err)
		}
		if _, err := bme280.OpenSPI(opener(boardsim.New(boardsim.Options{})), physic.MegaHertz)(t.Context()); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// The first bytes on the wire, in periph's own fake: the chip's id is asked for with
// the highest bit set.
func TestSPIBytes(t *testing.T) {
	p := &spitest.Playback{Playback: conntest.Playback{
		Ops:       []conntest.IO{{W: []byte{0xD0, 0}, R: []byte{0, 0x61}}},
		DontPanic: true,
	}}
	_, err := bme280.OpenSPI(func() (spi.PortCloser, error) { return p, nil }, physic.MegaHertz)(t.Context())
	if err == nil || !strings.Contains(err.Error(), "chip id 61") {
		t.Error(err)
	}
}
