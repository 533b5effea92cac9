package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// tree makes a file system of files and their contents; a name that ends in " ->" is
// a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name, link := strings.CutSuffix(name, " ->")
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if link {
			err = os.Symlink(text, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// adapter1 is a bus as the kernel shows it.
var adapter1 = map[string]string{"sys/bus/i2c/devices/i2c-1/name": "bcm2835 (i2c@7e804000)", "dev/i2c-1": ""}

func simulated(parts map[uint16]boardsim.Part) *boardsim.Board {
	return boardsim.New(boardsim.Options{Buses: []*boardsim.Bus{boardsim.NewBus("/dev/i2c-1", parts)}})
}

// one is a part at an address, and what is found there.
type one struct {
	name      string
	at        uint16
	part      boardsim.Part
	certainty string
	sources   []string
	how       string
}

func every() []one {
	thermal := []string{"tmp75", "tmp105", "lm75"}
	return []one{
		{"bme280", 0x77, boardsim.NewBME280(), diag.Recognised, []string{"bme280"}, "chip id 0x60"},
		{"bmp180", 0x77, boardsim.NewBMP180(), diag.Recognised, []string{"bmp180"}, "chip id 0x55"},
		{"aht20", 0x38, boardsim.NewHygrometer("aht20"), diag.Ambiguous, []string{"aht20"}, "answers at this address"},
		{"hdc302x", 0x46, boardsim.NewHygrometer("hdc302x"), diag.Recognised, []string{"hdc302x"}, "maker's id"},
		{"sht3x", 0x45, boardsim.NewHygrometer("sht3x"), diag.Recognised, []string{"sht3x"}, "status with its checksum"},
		{"sht4x", 0x44, boardsim.NewHygrometer("sht4x"), diag.Recognised, []string{"sht4x"}, "serial number"},
		{"scd4x", 0x62, boardsim.NewSCD4x(), diag.Recognised, []string{"scd4x"}, "state with its checksum"},
		{"mcp9808", 0x18, boardsim.NewThermometer("mcp9808"), diag.Recognised, []string{"mcp9808"}, "0x0054"},
		{"tmp102", 0x49, boardsim.NewThermometer("tmp102"), diag.Ambiguous, append([]string{"tmp102"}, thermal...), "80 °C"},
		{"tmp75", 0x4F, boardsim.NewThermometer("tmp75"), diag.Ambiguous, thermal, "80 °C"},
		{"lm75", 0x48, boardsim.NewThermometer("lm75"), diag.Ambiguous, thermal, "80 °C"},
		{"ina219", 0x40, boardsim.NewINA219(), diag.Likely, []string{"ina219"}, "0x399f"},
		{"ads1115", 0x48, boardsim.NewADS1115(), diag.Ambiguous, []string{"ads1115", "ads1015"}, "0x7fff"},
		{"bh1750", 0x23, boardsim.NewBH1750(), diag.Ambiguous, []string{"bh1750"}, "answers at this address"},
	}
}

// configures parses what is to be pasted.
func configures(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse("", []byte("version = 1\n"+text))
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	return c
}

// Each part is found by what it says, and what is to be pasted is its sensor.
func TestEveryPart(t *testing.T) {
	for _, c := range every() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(map[uint16]boardsim.Part{c.at: c.part})})
				if err != nil || len(r.Buses) != 1 || len(r.Buses[0].Parts) != 1 {
					t.Fatalf("%+v, %v", r, err)
				}
				p := r.Buses[0].Parts[0]
				if p.Where != hex(c.at) || p.Certainty != c.certainty || !slices.Equal(p.Sources, c.sources) || !strings.Contains(p.How, c.how) {
					t.Errorf("%+v", p)
				}
				cfg := configures(t, r.Config)
				if s := cfg.Sensors[0]; s.Source != c.sources[0] || s.Address != c.at || len(cfg.Sensors) != 1 || cfg.Buses[0].Device != "/dev/i2c-1" || s.Bus != cfg.Buses[0].Name {
					t.Errorf("%+v", cfg)
				}
			})
		})
	}
}

// watched counts what is written to a part.
type watched struct {
	boardsim.Part
	writes []string
}

func (w *watched) Tx(s, r []byte) error {
	if len(s) > 0 {
		w.writes = append(w.writes, fmt.Sprintf("% x", s))
	}
	return w.Part.Tx(s, r)
}

// A part is left as it was: registers are named and not written.
func TestNothingIsWritten(t *testing.T) {
	commands := []string{"37 81", "f3 2d", "89", "e4 b8", "e1 c3"}
	for _, c := range every() {
		synctest.Test(t, func(t *testing.T) {
			w := &watched{Part: c.part}
			if _, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(map[uint16]boardsim.Part{c.at: w})}); err != nil {
				t.Error(err)
			}
			for _, s := range w.writes {
				if len(s) > 2 && !slices.Contains(commands, s) {
					t.Errorf("%s: wrote %s", c.name, s)
				}
			}
		})
	}
}

// A bus full of parts: thermometers behind a bridge, and a stranger among them.
func TestFullBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bridge := boardsim.NewDS2482(1)
		for i := range 3 {
			bridge.Attach(0, boardsim.NewDS18B20(0x28, 0xa0+uint64(i)))
		}
		parts := map[uint16]boardsim.Part{
			0x18: bridge, 0x1C: boardsim.NewThermometer("mcp9808"), 0x76: boardsim.NewBME280(), 0x77: only{"d0", "61"}, 0x44: boardsim.NewHygrometer("sht3x"),
			0x40: only{"ff", "2260"}, 0x1A: boardsim.NewDS2482(1), 0x1E: only{},
		}
		r, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(parts)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range r.Buses[0].Parts {
			got = append(got, p.Where+" "+p.Certainty+" "+strings.Join(p.Sources, ",")+" "+p.What)
		}
		want := []string{
			"0x18 recognised ds18b20 thermometer 28-0000000000a0 behind a DS2482",
			"0x18 recognised ds18b20 thermometer 28-0000000000a1 behind a DS2482",
			"0x18 recognised ds18b20 thermometer 28-0000000000a2 behind a DS2482",
			"0x1a likely  a DS2482 with no thermometer behind it",
			"0x1c recognised mcp9808 Microchip MCP9808 on an I2C bus",
			"0x1e unknown  a part that no source reads",
			"0x40 unknown  TI INA226",
			"0x44 recognised sht3x Sensirion SHT30, SHT31 or SHT35 on an I2C bus",
			"0x76 recognised bme280 Bosch BME280 or BMP280 on an I2C bus or an SPI port",
			"0x77 unknown  Bosch BME680 or BME688",
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c := configures(t, r.Config); len(c.Sensors) != 6 || len(c.Buses) != 1 {
			t.Errorf("%s", r.Config)
		}
	})
}

// only is a part that answers a register with bytes, in hex, and with zeros else.
type only struct{ register, answer string }

func (o only) Tx(w, r []byte) error {
	clear(r)
	if len(w) > 0 && fmt.Sprintf("%x", w) == o.register {
		var b []byte
		if _, err := fmt.Sscanf(o.answer, "%x", &b); err != nil {
			return err
		}
		copy(r, b)
	}
	if len(w) > 0 && w[0] == 0xE1 {
		return board.ErrNoAck
	}
	return nil
}

// What a kernel driver has is not touched, and told how to be read.
func TestKernelsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const dev = "sys/bus/i2c/devices/"
		files := map[string]string{
			dev + "1-0048/name": "tmp105", dev + "1-0048/driver ->": "../../drivers/lm75",
			dev + "1-0076/name": "bme280", dev + "1-0076/driver ->": "../../drivers/bmp280",
			dev + "1-0050/name": "24c32", dev + "1-0050/driver ->": "../../drivers/at24",
			dev + "1-0018/name": "ds2482", dev + "1-0018/driver ->": "../../drivers/ds2482",
			dev + "1-0068/name":           "ds1307",
			"sys/class/hwmon/hwmon0/name": "cpu_thermal",
			"sys/class/hwmon/hwmon1/name": "tmp105", "sys/class/hwmon/hwmon1/device ->": "../../../1-0048",
			"sys/bus/iio/devices/iio:device0/name": "bme280", "sys/bus/iio/devices/iio:device0/device ->": "../../../1-0076",
			"sys/bus/w1/devices/28-0000000000a0/w1_slave": "", "sys/bus/w1/devices/w1_bus_master1/x": "",
		}
		for n, text := range adapter1 {
			files[n] = text
		}
		never := &watched{Part: only{}}
		parts := map[uint16]boardsim.Part{0x48: never, 0x76: never, 0x18: never}
		r, err := Run(t.Context(), Options{Root: tree(t, files), Buses: simulated(parts)})
		if err != nil || len(never.writes) > 0 {
			t.Errorf("%v, wrote %q", err, never.writes)
		}
		said := fmt.Sprintf("%+v", r)
		for _, want := range []string{"kernel driver lm75", "kernel driver bmp280", "echo 1-0050 > /sys/bus/i2c/drivers/at24/unbind", "has no driver for it", "listed under w1", "part of what source host gives"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in %s", want, said)
			}
		}
		c := configures(t, r.Config)
		var got []string
		for _, s := range c.Sensors {
			got = append(got, s.Source+" "+s.Device)
		}
		if want := []string{"hwmon tmp105", "iio bme280", "ds18b20 28-0000000000a0"}; !slices.Equal(got, want) || len(c.Buses) != 0 {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// What is configured is neither asked nor offered again; what is not is.
func TestConfiguredParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bridge := boardsim.NewDS2482(1)
		bridge.Attach(0, boardsim.NewDS18B20(0x28, 0xa0))
		bridge.Attach(0, boardsim.NewDS18B20(0x28, 0xa1))
		asked := &watched{Part: boardsim.NewBME280()}
		r, err := Run(t.Context(), Options{
			Root: tree(t, adapter1), Buses: simulated(map[uint16]boardsim.Part{0x76: asked, 0x44: boardsim.NewHygrometer("sht3x"), 0x18: bridge}),
			Known: []Bus{{"garden", "/dev/i2c-1"}},
			Sensors: []Sensor{
				{Name: "outdoor", Source: "bme280", Bus: "garden", Address: 0x76, State: "ok"},
				{Name: "well", Source: "ds18b20", Bus: "garden", Address: 0x18, Device: "28-0000000000a0", State: "ok"},
			},
			Owner: func(b Bus) Own {
				return func(ctx context.Context, do func(context.Context) error) error { return do(ctx) }
			},
		})
		if err != nil || len(asked.writes) > 0 || r.Buses[0].Bus != "garden" {
			t.Errorf("%+v, %v, %q", r, err, asked.writes)
		}
		if strings.Contains(r.Config, "[[bus]]") || strings.Contains(r.Config, "28-0000000000a0") || strings.Contains(r.Config, "bme280") {
			t.Errorf("%s", r.Config)
		}
		c := configures(t, "[[bus]]\nname = \"garden\"\ndevice = \"/dev/i2c-1\"\n"+r.Config)
		if len(c.Sensors) != 2 || c.Sensors[0].Source != "sht3x" || c.Sensors[1].Device != "28-0000000000a1" {
			t.Errorf("%+v", c.Sensors)
		}
	})
}

// slowBus takes as long as some adapters to say that nobody is there.
type slowBus struct {
	i2c.BusCloser
	asked map[uint16]bool
}

func (b *slowBus) Tx(addr uint16, w, r []byte) error {
	b.asked[addr] = true
	err := b.BusCloser.Tx(addr, w, r)
	if err != nil {
		time.Sleep(330 * time.Millisecond)
		return &board.Error{Op: "transfer", Thing: "x", Err: board.ErrBusTimeout}
	}
	return nil
}

type slowBoard struct {
	*boardsim.Board
	asked map[uint16]bool
}

func (b slowBoard) I2C(device string) (i2c.BusCloser, error) {
	bus, err := b.Board.I2C(device)
	return &slowBus{bus, b.asked}, err
}

// A slow adapter is left early, and looked at whole on demand; both take bounded time.
func TestSlowAdapter(t *testing.T) {
	for only, c := range map[string]struct {
		asked int
		most  time.Duration
		note  bool
	}{"": {10, 5 * time.Second, true}, "/dev/i2c-1": {len(places()), time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			b := slowBoard{simulated(map[uint16]boardsim.Part{0x76: boardsim.NewBME280(), 0x5C: boardsim.NewBH1750()}), map[uint16]bool{}}
			begin := time.Now()
			r, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: b, Only: only})
			if err != nil || (r.Buses[0].Note != "") != c.note || len(r.Buses[0].Parts) == 0 {
				t.Errorf("%q: %+v, %v", only, r, err)
			}
			if took := time.Since(begin); took > c.most || only == "" && len(b.asked) > c.asked || only != "" && len(b.asked) != c.asked {
				t.Errorf("%q: %v, asked %d", only, took, len(b.asked))
			}
			if c.note && !strings.Contains(r.Buses[0].Note, "agent probe --bus /dev/i2c-1") {
				t.Error(r.Buses[0].Note)
			}
		})
	}
}

// A transfer that does not return ends the look at its bus, and leaves the report
// alone when it does.
func TestHangingBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part := boardsim.NewBME280()
		part.SetFault(boardsim.Hang)
		r, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(map[uint16]boardsim.Part{0x76: part})})
		if err != nil || !strings.Contains(r.Buses[0].Problem, "does not return") || r.Buses[0].Hint == "" {
			t.Errorf("%+v, %v", r, err)
		}
		part.SetFault(boardsim.NoFault)
		synctest.Wait()
	})
}

// broken is a board whose buses cannot be opened.
type broken struct {
	*boardsim.Board
	err error
}

func (b broken) I2C(device string) (i2c.BusCloser, error) {
	return nil, &board.Error{Op: "open", Thing: device, Err: b.err}
}

// What keeps a person from finding anything comes with the next move.
func TestNothingThere(t *testing.T) {
	pi := map[string]string{"proc/device-tree/model": "Raspberry Pi 3 Model B Rev 1.2\x00"}
	for _, c := range []struct {
		name  string
		files map[string]string
		err   error
		want  []string
	}{
		{"pi", pi, os.ErrNotExist, []string{"dtparam=i2c_arm=on", "dtparam=spi=on", "dtoverlay=w1-gpio"}},
		{"no pi", nil, os.ErrNotExist, []string{"no I2C bus", "i2c-dev"}},
		{"i2c-dev is not loaded", map[string]string{"sys/bus/i2c/devices/i2c-1/name": "bcm2835"}, os.ErrNotExist, []string{"modprobe i2c-dev"}},
		{"not in the group", adapter1, os.ErrPermission, []string{"group i2c"}},
		{"container", map[string]string{"run/.containerenv": ""}, os.ErrNotExist, []string{"container", "--device /dev/i2c-1"}},
		{"SPI", map[string]string{"sys/bus/spi/devices/spi0.0/modalias": "spi:spidev", "dev/spidev0.0": "", "sys/bus/spi/devices/spi0.1/modalias": "spi:x"}, nil,
			[]string{"/dev/spidev0.0", "cannot be found by asking", "modprobe spidev"}},
		{"GPIO", map[string]string{"sys/bus/gpio/devices/gpiochip0/x": ""}, nil, []string{"gpiochip0", "pass it into the container"}},
		{"1-wire without a driver", map[string]string{"sys/bus/w1/devices/28-0000000000a0/x": ""}, nil, []string{"modprobe w1_therm"}},
	} {
		r, err := Run(t.Context(), Options{Root: tree(t, c.files), Buses: broken{err: c.err}})
		said := fmt.Sprintf("%+v", r)
		for _, want := range c.want {
			if err != nil || !strings.Contains(said, want) {
				t.Errorf("%s: no %q in %s, %v", c.name, want, said, err)
			}
		}
	}
}

func TestOnlyOneThatIsNotThere(t *testing.T) {
	_, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(nil), Only: "/dev/i2c-7"})
	var h interface{ Hint() string }
	if err == nil || !errors.As(err, &h) || !strings.Contains(h.Hint(), "/dev/i2c-1") {
		t.Errorf("%v", err)
	}
	if r, err := Run(t.Context(), Options{Root: tree(t, adapter1), Buses: simulated(nil), Known: []Bus{{"garden", "/dev/i2c-1"}}, Only: "garden"}); err != nil || len(r.Buses) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
