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

// supply tells of undervoltage and throttling: from the firmware where it can be
// asked, else from the kernel's rpi_volt, which knows undervoltage only.
func (s *source) supply() (vs []sensors.Value) {
	// Bits as vcgencmd get_throttled has them; sixteen above, whether it was so since boot.
	names := []string{"undervoltage", "frequency_capped", "throttled", "temperature_limited"}
	if text, there := s.tree.Read(throttledFile); there {
		flags, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32)
		for i, name := range names {
			for _, one := range []sensors.Value{
				{Name: name, Unit: "1", Num: float64(flags >> i & 1)},
				{Name: name + "_since_boot", Unit: "1", Num: float64(flags >> (16 + i) & 1)},
			} {
				if err != nil {
					one = sysfs.Unreadable(one.Name, one.Unit)
				}
				vs = append(vs, one)
			}
		}
		return vs
	}
	for _, c := range s.tree.HwmonChips() {
		if text, there := s.tree.Read(c.Dir + "/in0_lcrit_alarm"); there && c.Kind == "rpi_volt" {
			return []sensors.Value{sysfs.Scaled("undervoltage", "1", text, 1)}
		}
	}
	return nil
}
