package bme280

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

var errTest = errors.New("test")

// recorded is the traffic with a real part, as periph's own tests have it, and what
// this package asks beside.
func recorded(id byte, frame []byte) *i2ctest.Playback {
	ops := []i2ctest.IO{
		{Addr: 0x76, W: []byte{0xd0}, R: []byte{id}},
		{Addr: 0x76, W: []byte{0x88}, R: []byte{0x10, 0x6e, 0x6c, 0x66, 0x32, 0x0, 0x5d, 0x95, 0xb8, 0xd5, 0xd0, 0xb, 0x77, 0x1e, 0x9d, 0xff, 0xf9, 0xff, 0xac, 0x26, 0xa, 0xd8, 0xbd, 0x10, 0x0, 0x4b}},
	}
	if id == 0x60 {
		ops = append(ops,
			i2ctest.IO{Addr: 0x76, W: []byte{0xe1}, R: []byte{0x6e, 0x1, 0x0, 0x13, 0x5, 0x0, 0x1e}},
			i2ctest.IO{Addr: 0x76, W: []byte{0xf4, 0x6c, 0xf2, 0x3, 0xf5, 0xa0, 0xf4, 0x6c}},
		)
	} else {
		ops = append(ops, i2ctest.IO{Addr: 0x76, W: []byte{0xf4, 0x6c, 0xf5, 0xa0, 0xf4, 0x6c}})
	}
	return &i2ctest.Playback{DontPanic: true, Ops: append(ops,
		i2ctest.IO{Addr: 0x76, W: []byte{0xf4, 0x6d}},
		i2ctest.IO{Addr: 0x76, W: []byte{0xf3}, R: []byte{8}},
		i2ctest.IO{Addr: 0x76, W: []byte{0xf3}, R: []byte{0}},
		i2ctest.IO{Addr: 0x76, W: []byte{0xf7}, R: frame},
		i2ctest.IO{Addr: 0x76, W: []byte{0xf4}, R: []byte{0x6c}},
	)}
}

func opener(b i2c.BusCloser) func() (i2c.BusCloser, error) {
	return func() (i2c.BusCloser, error) { return b, nil }
}

func TestRecordedTraffic(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    byte
		frame []byte
		want  map[string]float64
	}{
		{"BME280", 0x60, []byte{0x4a, 0x52, 0xc0, 0x80, 0x96, 0xc0, 0x7a, 0x76}, map[string]float64{"temperature": 23.72, "pressure": 1009.43, "humidity": 65.31}},
		{"BMP280", 0x58, []byte{0x4a, 0x52, 0xc0, 0x80, 0x96, 0xc0}, map[string]float64{"temperature": 23.72, "pressure": 1009.43}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := recorded(c.id, c.frame)
				src, err := Open(opener(bus), 0x76)(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				vs, err := src.Sense(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(vs) != len(c.want) {
					t.Errorf("values %v", vs)
				}
				for _, v := range vs {
					if math.Abs(v.Num-c.want[v.Name]) > 0.006 || v.Quality != sensors.Good {
						t.Errorf("%+v, want %v", v, c.want[v.Name])
					}
				}
				if err := src.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// rig is a source on a simulated part.
func rig(t *testing.T) (*boardsim.BME280, *boardsim.Bus, sensors.Opener) {
	part := boardsim.NewBME280()
	bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x76: part})
	return part, bus, Open(bus.Open, 0x76)
}

// open opens the source of a rig.
func open(t *testing.T, o sensors.Opener) sensors.Source {
	t.Helper()
	src, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestRegisterModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part, _, o := rig(t)
		src := open(t, o)
		part.Set(-12.3, 71, 987.6)
		vs, err := src.Sense(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{-12.3, 987.6, 71} {
			if math.Abs(vs[i].Num-want) > 0.1 || vs[i].Quality != sensors.Good {
				t.Errorf("%+v, want %v", vs[i], want)
			}
		}
	})
}

// After the supply was gone the part measures no humidity until it is set up
// again.
func TestLostSupply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part, _, o := rig(t)
		src := open(t, o)
		part.PowerCycle()
		vs, err := src.Sense(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v := vs[2]; v.Name != "humidity" || math.Abs(v.Num-44) > 0.1 || v.Quality != sensors.Good {
			t.Errorf("after the loss: %+v", v)
		}
	})
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault boardsim.Fault
		is    error
		hint  string
	}{
		{"absent", boardsim.Absent, board.ErrNoAck, "address"},
		{"stuck busy", boardsim.StuckBusy, chip.ErrBusy, "power-cycle"},
		{"floating line", boardsim.Corrupt, chip.ErrFloats, "SDA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				part, _, o := rig(t)
				src := open(t, o)
				part.SetFault(c.fault)
				begin := time.Now()
				vs, err := src.Sense(t.Context())
				if err == nil {
					t.Fatalf("values %v from a broken part", vs)
				}
				var h interface{ Hint() string }
				if !errors.Is(err, c.is) || !errors.As(err, &h) || !strings.Contains(h.Hint(), c.hint) {
					t.Errorf("error %v", err)
				}
				if d := time.Since(begin); d > chip.Limit+10*time.Millisecond {
					t.Errorf("took %v", d)
				}
				part.SetFault(boardsim.NoFault)
				time.Sleep(time.Second)
				if _, err := src.Sense(t.Context()); err != nil {
					t.Errorf("after the fault: %v", err)
				}
			})
		})
	}
}

func TestFloatingFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frame := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		src := open(t, Open(opener(recorded(0x60, frame)), 0x76))
		if vs, err := src.Sense(t.Context()); !errors.Is(err, chip.ErrFloats) {
			t.Errorf("%v, %v", vs, err)
		}
	})
}

func TestOpenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part, bus, o := rig(t)
		part.SetFault(boardsim.Absent)
		if _, err := o(t.Context()); !errors.Is(err, board.ErrNoAck) {
			t.Errorf("absent: %v", err)
		}
		part.SetFault(boardsim.Corrupt)
		if _, err := o(t.Context()); !errors.Is(err, chip.ErrFloats) {
			t.Errorf("0xff for an id: %v", err)
		}
		bus.Unplug()
		var h interface{ Hint() string }
		if _, err := o(t.Context()); !errors.As(err, &h) || !strings.Contains(h.Hint(), "dtparam=i2c_arm=on") {
			t.Errorf("no bus: %v", err)
		}
		if _, err := Open(bus.Open, 0x40)(t.Context()); err == nil {
			t.Error("address 0x40 was accepted")
		}
	})
}

// A cancelled call ends, and says that it was cancelled and not that the part is busy.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part, _, o := rig(t)
		src := open(t, o)
		part.SetFault(boardsim.StuckBusy)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(200*time.Millisecond, func() { cancel(errTest) })
		begin := time.Now()
		if _, err := src.Sense(ctx); !errors.Is(err, errTest) {
			t.Errorf("%v", err)
		}
		if d := time.Since(begin); d > 250*time.Millisecond {
			t.Errorf("took %v", d)
		}
	})
}
