package hostinfo

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldpost/sensors/sysfs"
)

// machine makes the root of a machine of these files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, file, text)
	}
	return root
}

// Only the kernel's driver of the supply tells of the supply, and only yes and no.
func TestSupplyOfTheKernel(t *testing.T) {
	const chip = "sys/class/hwmon/hwmon0/"
	for _, c := range []struct {
		kind, alarm string
		there, bad  bool
		flags       uint32
	}{
		{"rpi_volt", "0", true, false, 0},
		{"rpi_volt", "1", true, false, Undervoltage},
		{"rpi_volt", "2", true, true, 1},
		{"rpi_volt", "x", true, true, 0},
		{"lm75", "1", false, false, 0},
	} {
		got, there := ReadSupply(sysfs.Tree(machine(t, map[string]string{chip + "name": c.kind, chip + "in0_lcrit_alarm": c.alarm})))
		if there != c.there || (got.Err != nil) != c.bad || got.Flags != c.flags || got.All {
			t.Errorf("%+v: %+v, there %t", c, got, there)
		}
	}
}

// Cards are what the kernel has as mmcblk, without the partitions to boot from, four at most.
func TestCards(t *testing.T) {
	files := map[string]string{
		"sys/block/mmcblk0/device/type":         "SD\n",
		"sys/block/mmcblk0/device/name":         "SD32G\n",
		"sys/block/mmcblk0/device/manfid":       "0x000003\n",
		"sys/block/mmcblk0/device/date":         "08/2021\n",
		"sys/block/mmcblk1/device/type":         "MMC\n",
		"sys/block/mmcblk1/device/life_time":    "0x0a 0x02\n",
		"sys/block/mmcblk1/device/pre_eol_info": "0x02\n",
		"sys/block/mmcblk1boot0/device/type":    "MMC\n",
		"sys/block/mmcblk2/device/name":         "no type\n",
		"sys/block/mmcblk3/device/type":         "MMC\n",
		"sys/block/mmcblk3/device/life_time":    "0x02 0xzz\n",
		"sys/block/mmcblk3/device/pre_eol_info": "torn",
		"sys/block/sda/device/type":             "0\n",
	}
	want := []Card{
		{Disk: "mmcblk0", Type: "SD", Name: "SD32G", Manufacturer: "0x000003", Made: "08/2021"},
		{Disk: "mmcblk1", Type: "MMC", LifeUsed: 100, EndOfLife: 2},
		{Disk: "mmcblk3", Type: "MMC"},
	}
	if got := Cards(sysfs.Tree(machine(t, files))); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	many := maps.Clone(files)
	for i := range 9 {
		many[fmt.Sprintf("sys/block/mmcblk%d/device/type", i)] = "SD\n"
	}
	if got := Cards(sysfs.Tree(machine(t, many))); len(got) != maxDisks {
		t.Errorf("%d cards of many", len(got))
	}
}

// However many disks, networks and zones a machine has, what is told of them has an end.
func TestManyDevicesAreBounded(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("sys/block/sd%02d/stat", i)] = "1 2 3 4 5 6 7\n"
		files[fmt.Sprintf("sys/class/net/eth%02d/device/uevent", i)] = ""
		files[fmt.Sprintf("sys/class/net/eth%02d/statistics/rx_bytes", i)] = "1\n"
		files[fmt.Sprintf("sys/class/thermal/thermal_zone%d/type", i)] = "acpitz\n"
		files[fmt.Sprintf("sys/class/thermal/thermal_zone%d/temp", i)] = "1000\n"
		for n := range 2 {
			files[fmt.Sprintf("sys/class/hwmon/hwmon%02d/name", i)] = fmt.Sprintf("chip%02d\n", i)
			files[fmt.Sprintf("sys/class/hwmon/hwmon%02d/temp%d_input", i, n+1)] = "1000\n"
		}
	}
	counts := map[string]int{}
	for _, v := range sense(t, Options{Root: machine(t, files)}) {
		name, _, _ := strings.Cut(v, "=")
		for _, kind := range []string{"written_bytes", "rx_bytes", "acpitz", "temp"} {
			if strings.Contains(name, kind) {
				counts[kind]++
			}
		}
	}
	if want := map[string]int{"written_bytes": maxDisks, "rx_bytes": maxNetworks, "acpitz": maxZones, "temp": maxTemperatures}; !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// What is no temperature of the processor is not told as one.
func TestTemperature(t *testing.T) {
	const zone = "sys/class/thermal/thermal_zone0/"
	for _, c := range []struct {
		kind, text string
		want       float64
		known      bool
	}{
		{"cpu-thermal", "52500\n", 52.5, true},
		{"cpu-thermal", "junk\n", 0, false},
		{"acpitz", "52500\n", 0, false},
		{"", "52500\n", 0, false},
	} {
		root := machine(t, map[string]string{zone + "type": c.kind + "\n", zone + "temp": c.text})
		if got, known := Temperature(sysfs.Tree(root)); got != c.want || known != c.known {
			t.Errorf("%q %q: %v, %t", c.kind, c.text, got, known)
		}
		if c.kind == "" {
			if vs := (&source{tree: sysfs.Tree(root)}).temperatures(); len(vs) != 0 {
				t.Errorf("a zone without a name: %v", vs)
			}
		}
	}
}
