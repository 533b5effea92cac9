package agent

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"fieldpost/board"
	"fieldpost/internal/config"
	"fieldpost/sensors"
	"fieldpost/sensors/ads1x15"
	"fieldpost/sensors/aht20"
	"fieldpost/sensors/bh1750"
	"fieldpost/sensors/bme280"
	"fieldpost/sensors/command"
	"fieldpost/sensors/contact"
	"fieldpost/sensors/ds18b20"
	"fieldpost/sensors/hdc302x"
	"fieldpost/sensors/hostinfo"
	"fieldpost/sensors/ina219"
	"fieldpost/sensors/mcp9808"
	"fieldpost/sensors/scd4x"
	"fieldpost/sensors/sht"
	"fieldpost/sensors/simulated"
	"fieldpost/sensors/sysfs"
	"fieldpost/sensors/tmp102"
)

// opener is the table from a source's name to its package.
func (a *Agent) opener(s config.Sensor) sensors.Opener {
	bus := board.BusOpener(a.parts.Buses, a.busNamed(s.Bus).Device)
	switch s.Source {
	case "host":
		return hostinfo.Open(hostinfo.Options{Root: a.parts.Root, StateDir: a.cfg.Agent.StateDir})
	case "hwmon":
		return sysfs.Hwmon(sysfs.Tree(a.parts.Root), s.Device)
	case "iio":
		return sysfs.IIO(sysfs.Tree(a.parts.Root), s.Device)
	case "ds18b20":
		if s.Bus != "" {
			return ds18b20.Open(bus, s.Address, ds18b20.Options{Device: s.Device, Resolution: int(s.Bits)})
		}
		return sysfs.W1(sysfs.Tree(a.parts.Root), s.Device)
	case "bme280", "bmp280", "bmp180":
		if b := a.busNamed(s.Bus); b.Kind == config.SPI {
			port := func() (spi.PortCloser, error) { return a.parts.Ports.SPI(b.Device) }
			return bme280.OpenSPI(port, physic.Frequency(b.Speed)*physic.Hertz)
		}
		return bme280.Open(bus, s.Address)
	case "aht20":
		return aht20.Open(bus, s.Address)
	case "hdc302x":
		return hdc302x.Open(bus, s.Address)
	case "sht3x":
		return sht.Open3x(bus, s.Address)
	case "sht4x":
		return sht.Open4x(bus, s.Address)
	case "scd4x":
		return scd4x.Open(bus, s.Address)
	case "mcp9808":
		return mcp9808.Open(bus, s.Address)
	case "tmp102", "tmp75", "tmp105", "lm75":
		return tmp102.Open(bus, s.Address, s.Source)
	case "ina219":
		return ina219.Open(bus, s.Address, ina219.Options{Shunt: s.Shunt})
	case "ads1115", "ads1015":
		return ads1x15.Open(bus, s.Address, converter(s))
	case "bh1750":
		return bh1750.Open(bus, s.Address)
	case "digital":
		return contact.Level(a.contact(s))
	case "counter":
		return contact.Count(a.contact(s), filepath.Join(a.cfg.Agent.StateDir, "counter-"+s.Name))
	case "command":
		return command.Open(command.Options{Program: s.Program, Timeout: s.Timeout})
	case "simulated":
		return simulated.Open(simulated.Options{Seed: a.parts.Seed, Clock: a.parts.Clock})
	default:
		return func(context.Context) (sensors.Source, error) {
			return nil, fmt.Errorf("source %q is not built into this agent", s.Source)
		}
	}
}

// contact takes the line of a sensor.
func (a *Agent) contact(s config.Sensor) contact.Take {
	return func(rising func()) (contact.Line, error) {
		return a.parts.Inputs.Input(s.Name, s.Line, board.InputOptions{Pull: s.Pull, ActiveLow: s.ActiveLow, Debounce: s.Debounce, Rising: rising})
	}
}

func converter(s config.Sensor) ads1x15.Options {
	opt := ads1x15.Options{TwelveBits: s.Source == "ads1015"}
	for _, v := range s.Values {
		opt.Channels = append(opt.Channels, ads1x15.Channel{Name: v.Name, Unit: v.Unit, Input: v.Channel, Range: v.Range})
	}
	return opt
}

// open opens a bus, to see whether it can be.
func (a *Agent) open(b config.Bus) (io.Closer, error) {
	if b.Kind == config.SPI {
		return a.parts.Ports.SPI(b.Device)
	}
	return a.parts.Buses.I2C(b.Device)
}

// busNamed returns the [[bus]] of that name.
func (a *Agent) busNamed(name string) config.Bus {
	for _, b := range a.cfg.Buses {
		if b.Name == name {
			return b
		}
	}
	return config.Bus{}
}
