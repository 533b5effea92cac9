// Package catalog is the one table of the sources of readings that this agent
// has: where each may be, what it gives in which unit and range, the keys of a
// configuration that it heeds, and how it is wired.
//
// The configuration is checked by it, the sampler is told by it what to believe
// of a value, and the reference of sources is printed from it. It holds no code
// that touches hardware.
package catalog

import (
	"fmt"
	"slices"
	"strings"

	"fieldpost/sensors"
)

// Source is one kind of sensor.
type Source struct {
	Name      string   // in a configuration
	Help      string   // what it is, as the end of a sentence
	Addresses []uint16 // where it may be on an I²C bus, the first by default; nil = it has no bus
	Bridged   bool     // at that address is a bridge with any number of parts, told apart by device; without a bus the kernel has them
	SPI       bool     // it may be the part of an SPI port instead
	Keys      []string // of [[sensor]], beside name, source, every, and bus and address where it has a bus
	Required  []string // of Keys
	Channels  []string // what [[sensor.value]] may say in channel, one value for each; nil = it has no channels
	Values    []Value  // what it gives
	Open      bool     // it gives other values too, by names that are found at run time
	Wiring    string   // what goes where, for a person
	Datasheet string   // document number
	Notes     string   // what is good to know, for a person
	Example   string   // further lines of a [[sensor]], as TOML
	Signs     []Sign   // what a part of it is recognised by on a bus, any of them; filled in by Recognisable
	Alike     string   // what else may answer there, where no sign proves it; likewise
}

// Value is one value that a source gives.
type Value struct {
	sensors.Expect        // what is believed of it
	Unit           string // UCUM
	Help           string // "" = its name says it
}

// Sources lists every source there is, those of the gateway itself first.
func Sources() []Source {
	return append(append(linux(), chips()...), made()...)
}

// Named returns the source of that name.
func Named(name string) (Source, bool) {
	for _, s := range Sources() {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}

// Value returns the value of that name.
func (s Source) Value(name string) (Value, bool) {
	for _, v := range s.Values {
		if v.Name == name {
			return v, true
		}
	}
	return Value{}, false
}

// OneWire reports whether id is the number of a thermometer on a 1-wire line, as
// Linux writes it: "28-0316a2795cff".
func OneWire(id string) bool {
	family, serial, _ := strings.Cut(id, "-")
	return slices.Contains([]string{"10", "22", "28", "3b", "42"}, family) && len(serial) == 12 && strings.Trim(serial, "0123456789abcdef") == ""
}

// value is a Value with the range of the part.
func value(name, unit string, lo, hi float64) Value {
	return Value{Expect: sensors.Expect{Name: name, Lo: lo, Hi: hi}, Unit: unit}
}

// telling adds a help to a value.
func (v Value) telling(help string) Value {
	v.Help = help
	return v
}

// Config writes a [[sensor]] of this source: on that bus where it has one and bus
// is not empty, at that address, or at its first where that is 0.
func (s Source) Config(name, bus string, address uint16) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[[sensor]]\nname = %q\nsource = %q\n", name, s.Name)
	if len(s.Addresses) > 0 && bus != "" {
		fmt.Fprintf(&b, "bus = %q\n", bus)
		if address == 0 {
			address = s.Addresses[0]
		}
		fmt.Fprintf(&b, "address = %#02x\n", address)
	}
	b.WriteString(s.Example)
	return b.String()
}
