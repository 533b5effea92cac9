package config

import "strings"

// Source is a kind of sensor that a configuration may name.
type Source struct {
	Name      string
	Help      string
	Addresses []uint16 // where it may be on an I2C bus, the first by default; nil = it has no bus
}

// Sources lists every source there is.
func Sources() []Source {
	return []Source{
		{Name: "host", Help: "the gateway itself"},
		{Name: "bme280", Help: "Bosch BME280 on an I2C bus", Addresses: []uint16{0x76, 0x77}},
		{Name: "simulated", Help: "made-up values, for trials"},
	}
}

func sourceNames() []string {
	var names []string
	for _, s := range Sources() {
		names = append(names, s.Name)
	}
	return names
}

func sourceHelp() string {
	var parts []string
	for _, s := range Sources() {
		parts = append(parts, s.Name+" ("+s.Help+")")
	}
	return strings.Join(parts, ", ")
}

func sourceNamed(name string) (Source, bool) {
	for _, s := range Sources() {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}
