package probe

import (
	"fmt"
	"strings"

	"fieldpost/internal/diag"
	"fieldpost/sensors/catalog"
)

// offer shows a part, with the configuration for the first of its sources.
func (a *adapter) offer(at uint16, f finding) diag.ProbePart {
	if f.bound != nil {
		return a.kernel(at, f.bound.Driver, f.bound.Driver)
	}
	part, device := f.part, f.device
	part.Where = hex(at)
	for _, s := range f.sources {
		part.Sources = append(part.Sources, s.Name)
	}
	if len(f.sources) == 0 {
		return part
	}
	bus := a.configured.Name
	if bus == "" {
		bus = "i2c" + a.number
		a.declare(bus)
	}
	s := f.sources[0]
	name := fmt.Sprintf("%s-%s-%02x", s.Name, a.number, at)
	if device != "" {
		name = s.Name + "-" + tail(device)
		s.Example = fmt.Sprintf("device = %q\n", device)
	}
	part.Config = s.Config(name, bus, at)
	a.append(part.Config)
	return part
}

// declare adds a [[bus]] once.
func (a *adapter) declare(bus string) {
	if a.names[bus] {
		return
	}
	if a.names == nil {
		a.names = make(map[string]bool)
	}
	a.names[bus] = true
	a.append(fmt.Sprintf("[[bus]]\nname = %q\ndevice = %q\n", bus, a.device))
}

// append adds a table to what is to be pasted.
func (p *prober) append(table string) {
	if p.config.Len() > 0 {
		p.config.WriteByte('\n')
	}
	p.config.WriteString(table)
}

// kernelSource writes the configuration of what the kernel reads.
func (p *prober) kernelSource(source, name, device string) string {
	for _, s := range p.Sensors {
		if s.Source == source && s.Bus == "" && s.Device == device {
			return ""
		}
	}
	s, _ := catalog.Named(source)
	s.Example = fmt.Sprintf("device = %q\n", device)
	config := s.Config(name, "", 0)
	p.append(config)
	return config
}

// tail is the serial number of a part on a 1-wire line.
func tail(id string) string {
	_, serial, _ := strings.Cut(id, "-")
	return serial
}
