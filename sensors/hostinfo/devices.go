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
			v := sensors.Value{Name: sysfs.Key(disk) + "_life_used_percent", Unit: "%"}
			if used, ok := lifeUsed(text); ok {
				v.Num = float64(used)
			} else {
				v = sysfs.Unreadable(v.Name, v.Unit)
			}
			vs = append(vs, v)
		}
	}
	return vs
}

// lifeUsed reads two estimates in steps of a tenth, 0x01 for up to 10 %, and
// takes the worse one, in percent; 0x0b is beyond the end.
func lifeUsed(text string) (percent int, ok bool) {
	worst := uint64(0)
	for _, f := range strings.Fields(text) {
		tenths, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 8)
		if err != nil {
			return 0, false
		}
		worst = max(worst, tenths)
	}
	return int(min(worst, 10) * 10), worst > 0
}

// Card is an SD card or an eMMC. What it does not tell is empty.
type Card struct {
	Disk         string // "mmcblk0"
	Type         string // "SD" or "MMC"
	Name         string // "SD32G"
	Manufacturer string // its number: "0x000003"
	Made         string // "08/2021"
	LifeUsed     int    // percent, in steps of ten; 0 = not told
	EndOfLife    int    // of its spare blocks: 1 = enough, 2 = four fifths are used, 3 = nearly all; 0 = not told
}

// Cards lists the cards, four at most.
func Cards(t sysfs.Tree) (cards []Card) {
	for _, disk := range t.List("sys/block") {
		dir := "sys/block/" + disk + "/device/"
		kind, there := t.Read(dir + "type")
		if !there || !strings.HasPrefix(disk, "mmcblk") || strings.Contains(disk, "boot") || len(cards) == maxDisks {
			continue
		}
		c := Card{Disk: disk, Type: kind}
		c.Name, _ = t.Read(dir + "name")
		c.Manufacturer, _ = t.Read(dir + "manfid")
		c.Made, _ = t.Read(dir + "date")
		life, _ := t.Read(dir + "life_time")
		c.LifeUsed, _ = lifeUsed(life)
		spare, _ := t.Read(dir + "pre_eol_info")
		n, _ := strconv.ParseUint(spare, 0, 8)
		c.EndOfLife = int(n)
		cards = append(cards, c)
	}
	return cards
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
