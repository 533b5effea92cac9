package hostinfo

import (
	"strconv"
	"strings"

	"fieldpost/sensors"
	"fieldpost/sensors/sysfs"
)

const (
	maxDisks    = 4
	maxNetworks = 8
	sector      = 512 // bytes, in /sys/block/*/stat whatever the disk has
)

// disks tells how much was written to each disk since boot, and of an eMMC how
// much of its life is used up (JESD84-B51, registers 267 to 269). SD cards do not say.
func (s *source) disks() (vs []sensors.Value) {
	n := 0
	for _, disk := range s.tree.List("sys/block") {
		dir := "sys/block/" + disk
		stat, there := s.tree.Read(dir + "/stat")
		physical := strings.HasPrefix(disk, "mmcblk") || strings.HasPrefix(disk, "sd") || strings.HasPrefix(disk, "nvme") || strings.HasPrefix(disk, "vd")
		if !there || !physical || strings.Contains(disk, "boot") || n == maxDisks {
			continue
		}
		n++
		if f := strings.Fields(stat); len(f) > 6 {
			v := sysfs.Number(sysfs.Key(disk)+"_written_bytes", "By", f[6])
			v.Num *= sector
			vs = append(vs, v)
		}
		if text, there := s.tree.Read(dir + "/device/life_time"); there {
			vs = append(vs, lifeUsed(sysfs.Key(disk)+"_life_used_percent", text))
		}
	}
	return vs
}

// lifeUsed reads two estimates in steps of a tenth, 0x01 for up to 10 %, and
// takes the worse one; 0x0b is beyond the end.
func lifeUsed(name, text string) sensors.Value {
	worst := uint64(0)
	for _, f := range strings.Fields(text) {
		tenths, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 8)
		if err != nil {
			return sysfs.Unreadable(name, "%")
		}
		worst = max(worst, tenths)
	}
	if worst == 0 {
		return sysfs.Unreadable(name, "%")
	}
	return sensors.Value{Name: name, Unit: "%", Num: float64(min(worst, 10) * 10)}
}

// networks tells what each real network interface has carried since it came up.
func (s *source) networks() (vs []sensors.Value) {
	n := 0
	for _, name := range s.tree.List("sys/class/net") {
		dir := "sys/class/net/" + name
		_, real := s.tree.Read(dir + "/device/uevent")
		if !real || n == maxNetworks {
			continue
		}
		n++
		for _, way := range []string{"rx", "tx"} {
			if text, there := s.tree.Read(dir + "/statistics/" + way + "_bytes"); there {
				vs = append(vs, sysfs.Number(sysfs.Key(name)+"_"+way+"_bytes", "By", text))
			}
		}
	}
	return vs
}
