package hostinfo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fieldpost/sensors"
)

// maxHwmon bounds how many hwmon values a sample has.
const maxHwmon = 32

const hwmonDir = "sys/class/hwmon"

// rpiVolt is the chip that watches the supply of a Raspberry Pi.
const rpiVolt = "rpi_volt"

// inputs are the kinds of hwmon input, their unit and how many of the number in
// the file make one (kernel: Documentation/hwmon/sysfs-interface).
func inputs() map[string]struct {
	unit string
	per  float64
} {
	return map[string]struct {
		unit string
		per  float64
	}{
		"temp": {"Cel", 1000}, "in": {"V", 1000}, "curr": {"A", 1000},
		"humidity": {"%", 1000}, "power": {"W", 1e6}, "fan": {"/min", 1},
	}
}

// hwmon reads every input of every chip that skip does not refuse.
func (s *source) hwmon(skip func(chip string) bool) (vs []sensors.Value) {
	kinds := inputs()
	for _, c := range s.hwmonChips() {
		if skip(c.kind) {
			continue
		}
		for _, file := range s.list(c.dir) {
			stem, isInput := strings.CutSuffix(file, "_input")
			kind, known := kinds[strings.TrimRight(stem, "0123456789")]
			switch {
			case len(vs) == maxHwmon:
				return vs
			case isInput && known:
				text, _ := s.read(c.dir + "/" + file)
				vs = append(vs, scaled(c.name+"_"+stem, kind.unit, text, kind.per))
			case c.kind == rpiVolt && file == "in0_lcrit_alarm":
				text, _ := s.read(c.dir + "/" + file)
				vs = append(vs, scaled("undervoltage", "1", text, 1))
			}
		}
	}
	return vs
}

// hwmonChip is one chip.
type hwmonChip struct {
	dir    string // below the root
	kind   string // its name file, as a key
	device string // the device it sits on, as a key; "" for a virtual chip
	name   string // kind, with device where kind is not enough
}

// hwmonChips lists the chips by name. Of chips that nothing tells apart only
// the first is kept.
func (s *source) hwmonChips() (chips []hwmonChip) {
	count := make(map[string]int)
	for _, n := range s.list(hwmonDir) {
		c := hwmonChip{dir: hwmonDir + "/" + n}
		text, _ := s.read(c.dir + "/name")
		if c.kind = key(text); c.kind == "" {
			continue
		}
		link, err := os.Readlink(filepath.Join(s.opt.Root, filepath.FromSlash(c.dir), "device"))
		if err == nil {
			c.device = key(filepath.Base(link))
		}
		count[c.kind]++
		chips = append(chips, c)
	}
	slices.SortStableFunc(chips, func(a, b hwmonChip) int {
		return strings.Compare(a.kind+" "+a.device, b.kind+" "+b.device)
	})
	for i := range chips {
		c := &chips[i]
		c.name = c.kind
		if count[c.kind] > 1 && c.device != "" {
			c.name += "_" + c.device
		}
	}
	return slices.CompactFunc(chips, func(a, b hwmonChip) bool { return a.name == b.name })
}
