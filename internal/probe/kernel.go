package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fieldpost/internal/diag"
	"fieldpost/sensors/sysfs"
)

// kernels lists the parts on a bus that the kernel was told of.
func (a *adapter) kernels() {
	for _, n := range a.tree.List(i2cDevices) {
		digits, ok := strings.CutPrefix(n, a.number+"-")
		at, err := strconv.ParseUint(digits, 16, 16)
		if !ok || err != nil {
			continue
		}
		name, _ := a.tree.Read(i2cDevices + "/" + n + "/name")
		driver := a.tree.Link(i2cDevices + "/" + n + "/driver")
		if driver == "" {
			a.add(diag.ProbePart{Where: hex(uint16(at)), Certainty: diag.Kernel, What: "the kernel was told of a " + name + " and has no driver for it", Hint: "modprobe the driver of " + name + ", or remove it from the device tree or with delete_device"})
			continue
		}
		a.taken = append(a.taken, uint16(at))
		a.add(a.kernel(uint16(at), driver, name))
	}
}

// kernel is a part that a driver has, and how it is read.
func (a *adapter) kernel(at uint16, driver, name string) diag.ProbePart {
	part := diag.ProbePart{Where: hex(at), Certainty: diag.Kernel, What: name, How: "kernel driver " + driver}
	device := fmt.Sprintf("%s-%04x", a.number, at)
	for _, class := range []struct {
		source string
		chips  []sysfs.Chip
	}{{"hwmon", a.tree.HwmonChips()}, {"iio", a.tree.IIOChips()}} {
		for _, c := range class.chips {
			if c.Device != sysfs.Key(device) {
				continue
			}
			part.Sources = append(part.Sources, class.source)
			if part.Config == "" {
				part.Config = a.kernelSource(class.source, strings.ReplaceAll(c.Kind+"-"+device, "_", "-"), c.Name)
			}
		}
	}
	switch {
	case driver == "ds2482":
		part.Hint = fmt.Sprintf("its thermometers are listed under w1; to have the agent drive it: echo %s > /sys/bus/i2c/drivers/ds2482/unbind", device)
	case len(part.Sources) == 0:
		part.Hint = fmt.Sprintf("it gives neither hwmon nor iio; to read it without the kernel: echo %s > /sys/bus/i2c/drivers/%s/unbind", device, driver)
	}
	return part
}

// monitors lists the chips of a class that sit on no I²C bus.
func (p *prober) monitors(class string, chips []sysfs.Chip) {
	bus := diag.ProbeBus{Kind: class}
	for _, c := range chips {
		if p.onI2C(c) {
			continue
		}
		part := diag.ProbePart{Where: c.Name, Certainty: diag.Kernel, What: "read by the kernel", Sources: []string{class}}
		if class == "hwmon" {
			part.What, part.Sources = "part of what source host gives", []string{"host"}
		} else {
			part.Config = p.kernelSource(class, strings.ReplaceAll(c.Name, "_", "-"), c.Name)
		}
		bus.Parts = append(bus.Parts, part)
	}
	if len(bus.Parts) > 0 {
		p.report.Buses = append(p.report.Buses, bus)
	}
}

func (p *prober) onI2C(c sysfs.Chip) bool {
	return slices.ContainsFunc(p.tree.List(i2cDevices), func(n string) bool { return sysfs.Key(n) == c.Device && c.Device != "" })
}

// wires lists the thermometers that the kernel has on 1-wire lines.
func (p *prober) wires() {
	const devices = "sys/bus/w1/devices"
	bus := diag.ProbeBus{Kind: "w1"}
	var masters []string
	for _, n := range p.tree.List(devices) {
		if strings.HasPrefix(n, "w1_bus_master") {
			masters = append(masters, n)
		}
	}
	for _, id := range p.tree.W1Devices() {
		part := diag.ProbePart{Where: id, Certainty: diag.Recognised, What: "thermometer", How: "its number", Sources: []string{"ds18b20"}}
		if configured := slices.IndexFunc(p.Sensors, func(s Sensor) bool { return s.Source == "ds18b20" && s.Bus == "" && (s.Device == id || s.Device == "") }); configured >= 0 {
			part.Certainty, part.What, part.How = diag.Configured, "sensor "+p.Sensors[configured].Name, p.Sensors[configured].State
		} else {
			part.Config = p.kernelSource("ds18b20", "ds18b20-"+tail(id), id)
		}
		if _, driven := p.tree.Read(devices + "/" + id + "/w1_slave"); !driven {
			part.Hint = "modprobe w1_therm: the kernel has no driver for it yet"
		}
		bus.Parts = append(bus.Parts, part)
	}
	if len(masters) == 0 && len(bus.Parts) == 0 {
		return
	}
	bus.Name = strings.Join(masters, ", ")
	if len(bus.Parts) == 0 {
		bus.Note = "the line has no thermometer: check wiring and pull-up (4.7 kOhm)"
	}
	p.report.Buses = append(p.report.Buses, bus)
}

// spi lists the SPI devices.
func (p *prober) spi() {
	for _, n := range p.tree.List("sys/bus/spi/devices") {
		bus := diag.ProbeBus{Kind: "spi", Name: n}
		driver := p.tree.Link("sys/bus/spi/devices/" + n + "/driver")
		node := "spidev" + strings.TrimPrefix(n, "spi")
		switch {
		case slices.Contains(p.tree.List("dev"), node):
			bus.Device, bus.Note = "/dev/"+node, "parts on SPI cannot be found by asking"
		case driver != "":
			bus.Parts = []diag.ProbePart{{Where: n, Certainty: diag.Kernel, What: "kernel driver " + driver}}
		default:
			bus.Problem, bus.Hint = "no driver and no device node", "modprobe spidev, or the driver of the part"
		}
		p.report.Buses = append(p.report.Buses, bus)
	}
}

// lines lists the GPIO chips.
func (p *prober) lines() {
	bus := diag.ProbeBus{Kind: "gpio", Note: "gpioinfo lists their lines, for the sources digital and counter and for outputs"}
	for _, n := range p.tree.List("sys/bus/gpio/devices") {
		part := diag.ProbePart{Where: n, Certainty: diag.Kernel, What: "GPIO chip"}
		if !slices.Contains(p.tree.List("dev"), n) {
			part.Hint = "/dev/" + n + " is not there: pass it into the container"
		}
		bus.Parts = append(bus.Parts, part)
	}
	if len(bus.Parts) > 0 {
		p.report.Buses = append(p.report.Buses, bus)
	}
}

// missing hints at what could be switched on.
func (p *prober) missing() {
	has := func(kind string) bool {
		return slices.ContainsFunc(p.report.Buses, func(b diag.ProbeBus) bool { return b.Kind == kind })
	}
	model, _ := p.tree.Read("proc/device-tree/model")
	pi := strings.HasPrefix(model, "Raspberry Pi")
	if !has("i2c") {
		hint := "no I2C bus: "
		if pi {
			hint += "dtparam=i2c_arm=on in config.txt and a reboot switch it on; then modprobe i2c-dev"
		} else {
			hint += "load the driver of the adapter, and i2c-dev"
		}
		p.hint("%s", hint)
	}
	if pi && !has("spi") {
		p.hint("no SPI: dtparam=spi=on in config.txt and a reboot switch it on")
	}
	if pi && !has("w1") {
		p.hint("no 1-wire line: dtoverlay=w1-gpio in config.txt and a reboot switch it on, on GPIO4")
	}
	for _, mark := range []string{".dockerenv", "run/.containerenv"} {
		if _, there := p.tree.Read(mark); there {
			p.hint("this is a container: hardware that is missing here must be passed into it (--device /dev/i2c-1), with its group (--group-add)")
			return
		}
	}
}
