package hostinfo

import (
	"strconv"
	"strings"

	"fieldpost/sensors"
	"fieldpost/sensors/sysfs"
)

// throttledFile is what the firmware of a Raspberry Pi says of its supply and
// speed, as a hexadecimal number. Only the kernel of Raspberry Pi OS has it.
const throttledFile = "sys/devices/platform/soc/soc:firmware/get_throttled"

// Bits of Supply.Flags, as vcgencmd get_throttled has them; SinceBoot above, whether
// it was so since boot.
const (
	Undervoltage = 1 << iota
	FrequencyCapped
	Throttled
	TemperatureLimited

	SinceBoot = 16
)

// Supply is what is known of the supply and the speed of a Raspberry Pi.
type Supply struct {
	Flags uint32
	All   bool  // the firmware was asked; else the kernel, which knows Undervoltage only
	Err   error // the number is there and none
}

// ReadSupply asks the firmware where it can be asked, else the kernel's rpi_volt; false
// when there is neither.
func ReadSupply(t sysfs.Tree) (Supply, bool) {
	if text, there := t.Read(throttledFile); there {
		flags, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32)
		return Supply{uint32(flags), true, err}, true
	}
	for _, c := range t.HwmonChips() {
		if text, there := t.Read(c.Dir + "/in0_lcrit_alarm"); there && c.Kind == "rpi_volt" {
			flag, err := strconv.ParseUint(text, 10, 1)
			return Supply{uint32(flag), false, err}, true
		}
	}
	return Supply{}, false
}

// supply tells of undervoltage and throttling.
func (s *source) supply() (vs []sensors.Value) {
	all, there := ReadSupply(s.tree)
	if !there {
		return nil
	}
	add := func(name string, bit int) {
		v := sensors.Value{Name: name, Unit: "1", Num: float64(all.Flags >> bit & 1)}
		if all.Err != nil {
			v = sysfs.Unreadable(v.Name, v.Unit)
		}
		vs = append(vs, v)
	}
	add("undervoltage", 0)
	if !all.All {
		return vs
	}
	add("undervoltage_since_boot", SinceBoot)
	for i, name := range []string{"frequency_capped", "throttled", "temperature_limited"} {
		add(name, i+1)
		add(name+"_since_boot", SinceBoot+i+1)
	}
	return vs
}
