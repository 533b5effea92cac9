package hostinfo

import (
	"slices"
	"strconv"
	"strings"

	"fieldpost/sensors"
	"fieldpost/sensors/sysfs"
)

const (
	maxZones        = 16 // that are read
	maxTemperatures = 48 // values of zones and hwmon together
)

// temperatures reads thermal zones and hwmon. The kernel shows most zones as a
// hwmon chip too; such a chip is left out.
func (s *source) temperatures() []sensors.Value {
	zones := s.zones()
	vs := zoneValues(zones)
	for _, c := range s.tree.HwmonChips() {
		if slices.ContainsFunc(zones, func(z zone) bool { return sysfs.Key(z.kind) == c.Kind }) {
			continue
		}
		for _, v := range s.tree.HwmonValues(c) {
			v.Name = c.Name + "_" + v.Name
			vs = append(vs, v)
		}
	}
	return vs[:min(len(vs), maxTemperatures)]
}

// zone is one thermal zone.
type zone struct {
	kind string // "cpu-thermal"
	text string // millidegrees
}

func (s *source) zones() (zones []zone) {
	const dir = "sys/class/thermal"
	var keys []string
	found := make(map[string]zone)
	for _, name := range s.tree.List(dir) {
		if !strings.HasPrefix(name, "thermal_zone") || len(keys) == maxZones {
			continue
		}
		kind, ok := s.tree.Read(dir + "/" + name + "/type")
		if ok && kind != "" {
			text, _ := s.tree.Read(dir + "/" + name + "/temp")
			key := kind + " " + name
			keys, found[key] = append(keys, key), zone{kind, text}
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		zones = append(zones, found[key])
	}
	return zones
}

// zoneValues names the zones by their type; the first one of the processor is
// cpu_temperature, and a type that occurs again is numbered.
func zoneValues(zones []zone) (vs []sensors.Value) {
	seen := make(map[string]int)
	for _, z := range zones {
		name := sysfs.Key(z.kind) + "_temperature"
		if isProcessor(sysfs.Key(z.kind)) && seen["cpu_temperature"] == 0 {
			name = "cpu_temperature"
		}
		if seen[name]++; seen[name] > 1 {
			name += "_" + strconv.Itoa(seen[name])
		}
		vs = append(vs, sysfs.Scaled(name, "Cel", z.text, 1000))
	}
	return vs
}

// Temperature is that of the processor, in °C; false when nothing tells.
func Temperature(t sysfs.Tree) (float64, bool) {
	for _, v := range zoneValues((&source{tree: t}).zones()) {
		if v.Name == "cpu_temperature" && v.Quality != sensors.Bad {
			return v.Num, true
		}
	}
	return 0, false
}

func isProcessor(kind string) bool {
	return strings.HasPrefix(kind, "cpu") || strings.HasPrefix(kind, "soc") || kind == "x86_pkg_temp"
}
