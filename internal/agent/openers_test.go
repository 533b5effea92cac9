package agent

import (
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"

	"fieldpost/board/boardsim"
	"fieldpost/internal/config"
	"fieldpost/sensors/catalog"
)

// Every source of the catalog is built in.
func TestOpenersOfAllSources(t *testing.T) {
	for _, s := range catalog.Sources() {
		c, problems := config.Parse("", []byte("version = 1\n[[bus]]\nname = \"i2c1\"\ndevice = \"/dev/i2c-1\"\n"+s.Config("x", "i2c1", 0)))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		a := New(c, Parts{Buses: boardsim.New(boardsim.Options{}), Root: t.TempDir()})
		_, err := a.opener(c.Sensors[0])(t.Context())
		if err != nil && strings.Contains(err.Error(), "not built into") {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// A bus of kind spi is opened as a port, for its sensor and for a trial.
func TestOpenerOnSPI(t *testing.T) {
	c, problems := config.Parse("", []byte("version = 1\n[[bus]]\nname = \"p\"\ndevice = \"/dev/spidev0.0\"\nkind = \"spi\"\nspeed = 200000\n[[sensor]]\nname = \"x\"\nsource = \"bme280\"\nbus = \"p\"\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	port := boardsim.NewPort("/dev/spidev0.0", boardsim.NewBME280())
	board := boardsim.New(boardsim.Options{Ports: []*boardsim.Port{port}})
	a := New(c, Parts{Buses: board, Ports: board, Root: t.TempDir()})
	src, err := a.opener(c.Sensors[0])(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if vs, err := src.Sense(t.Context()); err != nil || len(vs) != 3 || port.Speed() != 200*physic.KiloHertz {
		t.Errorf("%+v, %v, %v", vs, err, port.Speed())
	}
	if bus, err := a.open(c.Buses[0]); err != nil || bus.Close() != nil {
		t.Error(err)
	}
}
