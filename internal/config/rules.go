package config

import (
	"cmp"
	"fmt"
	"time"
)

// rules checks what no single key can tell: names used twice, names that lead
// nowhere, a part larger than the whole. It fills in the defaults that depend on
// other keys.
func (c *checker) rules() {
	c.reserve()
	c.pairs()
	c.packing()
	c.watchdog()
	c.once("bus", "name", len(c.config.Buses), func(i int) string { return c.config.Buses[i].Name })
	c.once("bus", "device", len(c.config.Buses), func(i int) string { return c.config.Buses[i].Device })
	c.once("sensor", "name", len(c.config.Sensors), func(i int) string { return c.config.Sensors[i].Name })
	c.once("output", "name", len(c.config.Outputs), func(i int) string { return c.config.Outputs[i].Name })
	c.once("output", "line", len(c.config.Outputs), func(i int) string { return c.config.Outputs[i].Line })
	c.initial()
	if c.group("safe", func(o Output) bool { return o.Safe }) {
		c.group("initial", func(o Output) bool { return o.Initial })
	}
	for i, b := range c.config.Buses {
		if speed := c.line(item("bus", i, "speed")); speed > 0 && b.Kind != SPI {
			c.add(speed, "bus.speed", "out of place: the kernel sets the speed of I2C", "remove the line, or add kind = \"spi\"")
		}
	}
	for i := range c.config.Sensors {
		c.sensor(i)
	}
	c.lines()
	c.addresses()
	if len(c.config.Sensors) == 0 {
		c.config.Sensors = []Sensor{{Name: "host", Source: "host", Every: time.Minute}}
	}
}

// reserve checks that a reserve leaves the better half of the queue to telemetry.
func (c *checker) reserve() {
	s := &c.config.Store
	if s.MaxBytes > 0 && s.Reserve > s.MaxBytes/2 {
		c.add(c.line("store.reserve"), "store.reserve", fmt.Sprintf("%s is more than half of max_bytes, which is %s", s.Reserve, s.MaxBytes), "")
	}
}

// pairs checks that keys which need each other are both there.
func (c *checker) pairs() {
	certificate, key := c.line("hub.certificate_file"), c.line("hub.key_file")
	switch {
	case certificate > 0 && key == 0:
		c.add(certificate, "hub.certificate_file", "has no private key", "set hub.key_file too; it may name the same file")
	case key > 0 && certificate == 0:
		c.add(key, "hub.key_file", "has no certificate", "set hub.certificate_file too")
	}
	credentials := c.line("hub.proxy_credentials_file")
	switch {
	case credentials > 0 && c.line("hub.proxy") == 0:
		c.add(credentials, "hub.proxy_credentials_file", "out of place: there is no proxy", "set hub.proxy too")
	case credentials > 0 && c.config.Hub.Proxy == ProxyFromEnvironment:
		c.add(credentials, "hub.proxy_credentials_file", "out of place: the environment names user and password with the proxy", "name the proxy in hub.proxy")
	}
}

// packing checks that what waits for a pack gets one.
func (c *checker) packing() {
	if u := &c.config.Uplink; u.PackWait > 0 && !u.Pack {
		c.add(c.line("uplink.pack_wait"), "uplink.pack_wait", "out of place without pack", "add pack = true, or remove the line")
	}
}

// watchdog checks that a time is set for a device that there is.
func (c *checker) watchdog() {
	if at := c.line("board.watchdog_timeout"); at > 0 && c.config.Board.Watchdog == "" {
		c.add(at, "board.watchdog_timeout", "out of place without watchdog", `add watchdog = "/dev/watchdog", or remove the line`)
	}
}

// once tells of items of a list that share a value which must be their own.
func (c *checker) once(section, name string, count int, value func(int) string) {
	first := make(map[string]int)
	for i := range count {
		v := value(i)
		at := c.line(item(section, i, name))
		if v == "" || at == 0 {
			continue
		}
		if line, taken := first[v]; taken {
			c.add(at, pathOf(section, name), fmt.Sprintf("%s is taken on line %d", quote(v), line), "")
			continue
		}
		first[v] = at
	}
}

// initial starts an output at its safe level unless it is to start at another.
func (c *checker) initial() {
	for i := range c.config.Outputs {
		if o := &c.config.Outputs[i]; c.line(item("output", i, "initial")) == 0 {
			o.Initial = o.Safe
		}
	}
}

// group checks that a level which the agent sets by itself leaves at most one
// output of each group on, and returns whether it does.
func (c *checker) group(name string, on func(Output) bool) (fine bool) {
	fine = true
	first := make(map[string]string)
	for i, o := range c.config.Outputs {
		if o.Group == "" || !on(o) {
			continue
		}
		if other, taken := first[o.Group]; taken {
			fine = false
			at := cmp.Or(c.line(item("output", i, name)), c.line(item("output", i, "safe")))
			c.add(at, pathOf("output", name),
				fmt.Sprintf("output %s of group %s is on too: at most one of a group may be", quote(other), quote(o.Group)), "")
			continue
		}
		first[o.Group] = o.Name
	}
	return fine
}

// item is the path under which the line of a list item's key is kept.
func item(section string, i int, name string) string {
	return fmt.Sprintf("%s[%d].%s", section, i, name)
}
