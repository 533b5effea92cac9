package config

import (
	"fmt"
	"slices"
	"strings"

	"fieldpost/sensors"
	"fieldpost/sensors/catalog"
)

// sensor checks a sensor by what is known of its source.
func (c *checker) sensor(i int) {
	source, known := catalog.Named(c.config.Sensors[i].Source)
	if !known {
		return
	}
	c.place(i, source)
	c.options(i, source)
	for j := range c.config.Sensors[i].Values {
		c.value(i, j, source)
	}
}

// options checks that a sensor has the keys that its source needs, and none that
// it does not heed.
func (c *checker) options(i int, source catalog.Source) {
	for _, k := range sensorKeys() {
		line := c.line(item("sensor", i, k.name))
		switch {
		case !k.some:
		case line > 0 && !slices.Contains(source.Keys, k.name):
			c.add(line, "sensor."+k.name, "out of place: source "+source.Name+" has no "+k.name, "remove the line")
		case line == 0 && slices.Contains(source.Required, k.name):
			c.add(c.line(fmt.Sprintf("sensor[%d]", i)), "sensor."+k.name, "missing: source "+source.Name+" needs it", "add "+k.name+" = "+k.example)
		}
	}
	s := c.config.Sensors[i]
	if at := c.line(item("sensor", i, "jitter")); at > 0 && s.Jitter > s.Every/2 {
		c.add(at, "sensor.jitter", fmt.Sprintf("is more than half of every, which is %v", s.Every), "")
	}
	if at := c.line(item("sensor", i, "program")); at > 0 && (len(s.Program) == 0 || !strings.HasPrefix(s.Program[0], "/")) {
		c.add(at, "sensor.program", "does not begin with the full path of a program", `such as ["/usr/local/bin/read-meter"]`)
	}
	if at := c.line(item("sensor", i, "shunt")); at > 0 && s.Shunt <= 0 {
		c.add(at, "sensor.shunt", "must be more than 0", "")
	}
	if len(source.Channels) > 0 && len(s.Values) == 0 {
		c.add(c.line(fmt.Sprintf("sensor[%d]", i)), "sensor.value", "missing: source "+source.Name+" measures the channels that are named",
			"add a [[sensor.value]] with name and channel")
	}
}

func sensorKeys() []key {
	all := sections()
	return all[slices.IndexFunc(all, func(s section) bool { return s.name == "sensor" })].keys
}

// value checks what is said of one value of a sensor.
func (c *checker) value(i, j int, source catalog.Source) {
	v := &c.config.Sensors[i].Values[j]
	path := fmt.Sprintf("sensor[%d].value[%d]", i, j)
	at := func(key string) int { return c.line(path + "." + key) }
	if k := slices.IndexFunc(c.config.Sensors[i].Values, func(w SensorValue) bool { return w.Name == v.Name }); k < j && v.Name != "" {
		c.add(at("name"), "sensor.value.name", quote(v.Name)+" is there twice", "")
	}
	if len(source.Channels) > 0 {
		c.channel(v, at, source)
	} else if _, known := source.Value(v.Name); !known && !source.Open && v.Name != "" {
		var names []string
		for _, w := range source.Values {
			names = append(names, w.Name)
		}
		c.add(at("name"), "sensor.value.name", fmt.Sprintf("%s is not what a %s gives: %s", quote(v.Name), source.Name, strings.Join(names, ", ")), "")
	}
	for _, key := range []string{"channel", "range", "unit"} {
		if at(key) > 0 && source.Channels == nil {
			c.add(at(key), "sensor.value."+key, "out of place: source "+source.Name+" has no channels", "remove the line")
		}
	}
	if at("gain") > 0 && v.Gain == 0 {
		c.add(at("gain"), "sensor.value.gain", "is 0: every value would be the same", "")
	}
	if v.MaxRate < 0 || at("max_rate") > 0 && v.MaxRate == 0 {
		c.add(at("max_rate"), "sensor.value.max_rate", "must be more than 0", "")
	}
	if err := (sensors.Calibration{Table: v.Table}).Check(); err != nil {
		c.add(at("table"), "sensor.value.table", err.Error(), "")
	}
	if v.Min != nil && v.Max != nil && *v.Min > *v.Max {
		c.add(at("max"), "sensor.value.max", "is less than min", "")
	}
}

// lines checks that no line is read twice, or read and driven.
func (c *checker) lines() {
	taken := make(map[string]int)
	for i, o := range c.config.Outputs {
		taken[o.Line] = c.line(item("output", i, "line"))
	}
	if led, at := c.config.Board.LED, c.line("board.led"); at > 0 {
		if first, twice := taken[led]; twice {
			c.add(first, "output.line", fmt.Sprintf("%s is taken on line %d", quote(led), at), "")
		}
		taken[led] = at
	}
	for i, s := range c.config.Sensors {
		at := c.line(item("sensor", i, "line"))
		if first, twice := taken[s.Line]; twice && at > 0 {
			c.add(at, "sensor.line", fmt.Sprintf("%s is taken on line %d", quote(s.Line), first), "")
		}
		if s.Line != "" {
			taken[s.Line] = at
		}
	}
}

// channel checks where a value of a source with channels comes from.
func (c *checker) channel(v *SensorValue, at func(string) int, source catalog.Source) {
	switch {
	case at("channel") == 0:
		c.add(at("name"), "sensor.value.channel", "missing: source "+source.Name+" has channels", "add channel = "+quote(source.Channels[0]))
	case !slices.Contains(source.Channels, v.Channel):
		c.add(at("channel"), "sensor.value.channel", quote(v.Channel)+" is not one of "+strings.Join(source.Channels, ", "), "")
	}
	const most = 6.144
	if at("range") > 0 && (v.Range <= 0 || v.Range > most) {
		c.add(at("range"), "sensor.value.range", fmt.Sprintf("%g is out of range: above 0, at most %g", v.Range, most), "")
	}
}

// place checks that a sensor's bus and address fit its source, and gives the
// source's default address.
func (c *checker) place(i int, source catalog.Source) {
	s := &c.config.Sensors[i]
	bus, address := c.line(item("sensor", i, "bus")), c.line(item("sensor", i, "address"))
	if source.Addresses == nil {
		if bus > 0 {
			c.add(bus, "sensor.bus", "out of place: source "+source.Name+" has no bus", "remove the line")
		}
		if address > 0 {
			c.add(address, "sensor.address", "out of place: source "+source.Name+" has no bus", "remove the line")
		}
		return
	}
	if source.Bridged {
		c.bridged(i, bus, address)
		if bus == 0 {
			return
		}
	}
	switch {
	case bus == 0:
		c.add(c.line(fmt.Sprintf("sensor[%d]", i)), "sensor.bus", "missing: source "+source.Name+" is on a bus", `add bus = "..." with the name of a [[bus]]`)
	case s.Bus != "" && !slices.ContainsFunc(c.config.Buses, func(b Bus) bool {
		return b.Name == s.Bus || b.Name == "" // a bus with a refused name may be the one that is meant
	}):
		message, hint := "unknown bus "+quote(s.Bus), ""
		var names []string
		for _, b := range c.config.Buses {
			names = append(names, b.Name)
		}
		if near := nearest(s.Bus, names); near != "" {
			message += " (nearest: " + near + ")"
		} else {
			hint = "add a [[bus]] with name = " + quote(s.Bus)
		}
		c.add(bus, "sensor.bus", message, hint)
	}
	if k := slices.IndexFunc(c.config.Buses, func(b Bus) bool { return b.Name == s.Bus && b.Kind == SPI }); k >= 0 && s.Bus != "" {
		c.port(i, bus, address, source)
		return
	}
	switch {
	case address == 0:
		s.Address = source.Addresses[0]
	case s.Address != 0 && !slices.Contains(source.Addresses, s.Address):
		var possible []string
		for _, a := range source.Addresses {
			possible = append(possible, fmt.Sprintf("%#02x", a))
		}
		c.add(address, "sensor.address", fmt.Sprintf("%#02x is not where a %s can be: %s", s.Address, source.Name, strings.Join(possible, " or ")), "")
	}
}

// port checks a sensor on an SPI port, which has one part and no addresses.
func (c *checker) port(i, bus, address int, source catalog.Source) {
	s := c.config.Sensors[i]
	first := slices.IndexFunc(c.config.Sensors, func(t Sensor) bool { return t.Bus == s.Bus })
	switch {
	case !source.SPI:
		c.add(bus, "sensor.bus", "source "+source.Name+" is not on SPI, and "+quote(s.Bus)+" is", "")
	case address > 0:
		c.add(address, "sensor.address", "out of place: there are no addresses on SPI", "remove the line")
	case first < i:
		c.add(bus, "sensor.bus", fmt.Sprintf("port %s has sensor %s on line %d", quote(s.Bus), quote(c.config.Sensors[first].Name), c.line(fmt.Sprintf("sensor[%d]", first))), "a part on SPI has a [[bus]] of its own")
	}
}

// bridged checks what is said of a part behind a bridge, or in the kernel's hands
// where there is no bus.
func (c *checker) bridged(i, bus, address int) {
	s := c.config.Sensors[i]
	device, bits := c.line(item("sensor", i, "device")), c.line(item("sensor", i, "resolution"))
	const hint = "add the bus, or leave the part to the kernel and remove the line"
	switch {
	case bus == 0 && address > 0:
		c.add(address, "sensor.address", "out of place without bus", hint)
	case bus == 0 && bits > 0:
		c.add(bits, "sensor.resolution", "out of place without bus", hint)
	case bus > 0 && device > 0 && s.Device != "" && !catalog.OneWire(s.Device):
		c.add(device, "sensor.device", quote(s.Device)+" is no number of a thermometer", "such as 28-0316a2795cff; agent probe lists those there are")
	}
}

// apart reports whether two sensors at one address are parts behind a bridge.
func apart(a, b Sensor) bool {
	source, _ := catalog.Named(a.Source)
	return source.Bridged && a.Source == b.Source && a.Device != "" && b.Device != "" && a.Device != b.Device
}

// addresses tells of sensors that stand in each other's place on a bus.
func (c *checker) addresses() {
	type place struct {
		bus     string
		address uint16
	}
	there := make(map[place][]int)
	for i, s := range c.config.Sensors {
		if s.Bus == "" || s.Address == 0 {
			continue
		}
		p := place{s.Bus, s.Address}
		k := slices.IndexFunc(there[p], func(j int) bool { return !apart(s, c.config.Sensors[j]) })
		if k < 0 {
			there[p] = append(there[p], i)
			continue
		}
		j := there[p][k]
		line := c.line(item("sensor", i, "address"))
		if line == 0 {
			line = c.line(item("sensor", i, "bus"))
		}
		c.add(line, "sensor.address", fmt.Sprintf("%#02x on bus %s is taken by sensor %s on line %d",
			s.Address, s.Bus, quote(c.config.Sensors[j].Name), c.line(fmt.Sprintf("sensor[%d]", j))), "")
	}
}
