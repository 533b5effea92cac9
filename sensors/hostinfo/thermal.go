package hostinfo

import (
	"slices"
	"strconv"
	"strings"

	"fieldpost/sensors"
)

// maxZones bounds how many thermal zones are read.
const maxZones = 16

// temperatures reads thermal zones and hwmon. The kernel shows most zones as a
// hwmon chip too; such a chip is left out.
func (s *source) temperatures() []sensors.Value {
	zones := s.zones()
	vs := zoneValues(zones)
	return append(vs, s.hwmon(func(chip string) bool {
		return slices.ContainsFunc(zones, func(z zone) bool { return key(z.kind) == chip })
	})...)
}

// zone is one thermal zone.
type zone struct {
	kind string // "cpu-thermal"
	text string // millidegrees
}

func (s *source) zones() (zones []zone) {
	const dir = "sys/class/thermal"
	for _, name := range s.list(dir) {
		if !strings.HasPrefix(name, "thermal_zone") || len(zones) == maxZones {
			continue
		}
		kind, ok := s.read(dir + "/" + name + "/type")
		if ok && kind != "" {
			text, _ := s.read(dir + "/" + name + "/temp")
			zones = append(zones, zone{kind, text})
		}
	}
	slices.SortStableFunc(zones, func(a, b zone) int { return strings.Compare(a.kind, b.kind) })
	return zones
}

// zoneValues names the zones by their type; the first one of the processor is
// cpu_temperature, and a type that occurs again is numbered.
func zoneValues(zones []zone) (vs []sensors.Value) {
	seen := make(map[string]int)
	for _, z := range zones {
		name := key(z.kind) + "_temperature"
		if isProcessor(key(z.kind)) && seen["cpu_temperature"] == 0 {
			name = "cpu_temperature"
		}
		if seen[name]++; seen[name] > 1 {
			name += "_" + strconv.Itoa(seen[name])
		}
		vs = append(vs, scaled(name, "Cel", z.text, 1000))
	}
	return vs
}

func isProcessor(kind string) bool {
	return strings.HasPrefix(kind, "cpu") || strings.HasPrefix(kind, "soc") || kind == "x86_pkg_temp"
}

// scaled reads a whole number in a fraction of the unit.
func scaled(name, unit, text string, per float64) sensors.Value {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return unreadable(name, unit)
	}
	return sensors.Value{Name: name, Unit: unit, Num: float64(n) / per}
}

// key makes a name for a message body of what the kernel calls a thing.
func key(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '_'
		}
	}, text)
}
