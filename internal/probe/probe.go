// Package probe looks at the hardware of a gateway: the buses there are, the parts
// that answer on them, what a kernel driver has, and how each of them is put into a
// configuration. What parts say of themselves is told by package catalog.
//
// [Run] is for a person who asks. It is never part of a start: on some adapters an
// address where nobody answers takes a third of a second, and what a stranger makes
// of being asked is its own affair.
//
// # Promises
//
// Only addresses where a part of the catalog may be are asked, first by reading one
// byte. What is written then names a register or asks for an id. A part that a kernel
// driver has, or a sensor of the configuration, is not asked at all. Each bus has a
// time limit, and what was left out for it is said. A bus that somebody owns is used
// through Options.Owner, in steps of one address.
//
// # Limits
//
// Parts without an id can be told apart by nothing but what registers hold after
// power-on, which is said.
package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/sensors/sysfs"
)

// Options says where to look.
type Options struct {
	Root    string            // where /sys and /dev are looked for; default "/"
	Buses   board.Buses       // opens them
	Known   []Bus             // that are configured; default none
	Sensors []Sensor          // that are configured; default none
	Owner   func(bus Bus) Own // of a bus that is configured; nil, or giving nil = nobody's
	Only    string            // device file or configured name of the only bus to look at; default all
}

// Bus is one that is configured.
type Bus struct{ Name, Device string }

// Sensor is one that is configured.
type Sensor struct {
	Name, Source string
	Bus          string // name of a Bus; "" = none
	Address      uint16
	Device       string
	State        string // how it does, for display
}

// Own runs do where nobody else uses the bus at that moment.
type Own func(ctx context.Context, do func(context.Context) error) error

// Run looks, until ctx ends. It is an error when Options.Only is nowhere.
func Run(ctx context.Context, o Options) (diag.Probe, error) {
	o.Root = cmp.Or(o.Root, "/")
	p := &prober{Options: o, tree: sysfs.Tree(o.Root)}
	p.report.Buses = []diag.ProbeBus{}
	p.i2c(ctx)
	if o.Only == "" {
		p.spi()
		p.wires()
		p.monitors("hwmon", p.tree.HwmonChips())
		p.monitors("iio", p.tree.IIOChips())
		p.lines()
		p.missing()
	}
	if o.Only != "" && len(p.report.Buses) == 0 {
		return diag.Probe{}, p.nowhere()
	}
	p.report.Config = p.config.String()
	return p.report, nil
}

// prober is one look.
type prober struct {
	Options
	tree   sysfs.Tree
	report diag.Probe
	config strings.Builder
	names  map[string]bool // of the buses in config
}

func (p *prober) hint(format string, args ...any) {
	h := fmt.Sprintf(format, args...)
	if !slices.Contains(p.report.Hints, h) {
		p.report.Hints = append(p.report.Hints, h)
	}
}

// known returns the bus of that device, or name, as it is configured.
func (p *prober) known(device string) (Bus, bool) {
	i := slices.IndexFunc(p.Known, func(b Bus) bool { return b.Device == device })
	if i < 0 {
		return Bus{}, false
	}
	return p.Known[i], true
}

// nowhere says that the only bus is not there.
func (p *prober) nowhere() error {
	var there []string
	for _, n := range p.adapters() {
		there = append(there, devicePrefix+n)
	}
	hint := "no I2C bus was found: agent probe says why"
	if len(there) > 0 {
		hint = "there are: " + strings.Join(there, ", ")
	}
	return &missingError{fmt.Sprintf("no bus %q", p.Only), hint}
}

// missingError is a bus that is not there.
type missingError struct{ text, hint string }

func (e *missingError) Error() string { return e.text }
func (e *missingError) Hint() string  { return e.hint }
