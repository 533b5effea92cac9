package hostinfo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"fieldpost/sensors"
)

// sense returns the values below root as text, one "name=value unit quality" each.
func sense(t *testing.T, opt Options) []string {
	t.Helper()
	src, err := Open(opt)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	vs, err := src.Sense(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range vs {
		if v.Quality == sensors.Good {
			out = append(out, fmt.Sprintf("%s=%.6g %s", v.Name, v.Num, v.Unit))
		} else {
			out = append(out, fmt.Sprintf("%s %v:%s", v.Name, v.Quality, v.Reason))
		}
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRaspberryPi(t *testing.T) {
	same(t, sense(t, Options{Root: "testdata/pi"}), []string{
		"load1=0.52 1",
		"mem_used_percent=25 %",
		"mem_available_bytes=7.28297e+08 By",
		"uptime_seconds=86461.2 s",
		"cpu_temperature=48.312 Cel",
		"tmp105_temp1=21.5 Cel",
		"undervoltage=1 1",
	})
}

func TestUnreadableIsBad(t *testing.T) {
	same(t, sense(t, Options{Root: "testdata/broken", StateDir: filepath.Join(t.TempDir(), "absent")}), []string{
		"load1 bad:unreadable",
		"mem_used_percent bad:unreadable",
		"mem_available_bytes bad:unreadable",
		"disk_free_bytes bad:unreadable",
		"disk_used_percent bad:unreadable",
		"uptime_seconds bad:unreadable",
		"acpitz_temperature=27.8 Cel",
		"acpitz_temperature_2 bad:unreadable",
	})
}

// Two chips with one name are told apart by their device, whatever the numbers
// of their directories.
func TestChipsOfOneName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	var seen [][]string
	for _, order := range [][2]string{{"hwmon0", "hwmon1"}, {"hwmon1", "hwmon0"}} {
		root := t.TempDir()
		for i, n := range order {
			dir := filepath.Join(root, "sys/class/hwmon", n)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "name"), "tmp105\n")
			write(t, filepath.Join(dir, "temp1_input"), fmt.Sprint(20000+1000*i))
			if err := os.Symlink(fmt.Sprintf("../../../1-004%d", 8+i), filepath.Join(dir, "device")); err != nil {
				t.Fatal(err)
			}
		}
		seen = append(seen, sense(t, Options{Root: root}))
	}
	want := []string{"tmp105_1_0048_temp1=20 Cel", "tmp105_1_0049_temp1=21 Cel"}
	same(t, seen[0], want)
	same(t, seen[1], want)
}

func TestManyChipsAreBounded(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/class/hwmon", "hwmon0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "name"), "big\n")
	for i := range 100 {
		write(t, filepath.Join(dir, fmt.Sprintf("in%d_input", i)), "1\n")
	}
	if n := len(sense(t, Options{Root: root})); n != 32 {
		t.Errorf("%d values, want 32", n)
	}
}

func TestNothingThere(t *testing.T) {
	src, _ := Open(Options{Root: t.TempDir()})(t.Context())
	if vs, err := src.Sense(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, %v", vs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Sense(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

func TestThisMachine(t *testing.T) {
	src, _ := Open(Options{StateDir: t.TempDir()})(t.Context())
	vs, err := src.Sense(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(vs, func(v sensors.Value) bool { return v.Name == "disk_free_bytes" })
	if i < 0 || vs[i].Quality != sensors.Good || vs[i].Num <= 0 {
		t.Errorf("disk space of a folder that is there: %+v", vs)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The kernel of Raspberry Pi OS asks the firmware, which knows more than rpi_volt.
func TestThrottled(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, throttledFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, file, "50005\n")
	same(t, sense(t, Options{Root: root}), []string{
		"undervoltage=1 1", "undervoltage_since_boot=1 1",
		"frequency_capped=0 1", "frequency_capped_since_boot=0 1",
		"throttled=1 1", "throttled_since_boot=1 1",
		"temperature_limited=0 1", "temperature_limited_since_boot=0 1",
	})
	write(t, file, "junk\n")
	if got := sense(t, Options{Root: root}); len(got) != 8 || got[0] != "undervoltage bad:unreadable" {
		t.Errorf("%q", got)
	}
}

func TestDisksAndNetworks(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"sys/block/mmcblk0/stat":                    "1 2 3 4 5 6 2048 8 9 10 11\n",
		"sys/block/mmcblk0/device/life_time":        "0x01 0x03\n",
		"sys/block/mmcblk0boot0/stat":               "1 2 3 4 5 6 7\n",
		"sys/block/loop0/stat":                      "1 2 3 4 5 6 7\n",
		"sys/block/sda/stat":                        "1 2 3 4 5 6 1\n",
		"sys/class/net/eth0/device/uevent":          "",
		"sys/class/net/eth0/statistics/rx_bytes":    "1000\n",
		"sys/class/net/eth0/statistics/tx_bytes":    "x\n",
		"sys/class/net/lo/statistics/rx_bytes":      "1\n",
		"sys/class/net/docker0/statistics/rx_bytes": "1\n",
		"sys/block/mmcblk1/stat":                    "short\n",
		"sys/block/mmcblk1/device/life_time":        "0x00 0x00\n",
		"sys/block/nvme0n1/device/life_time":        "0x0b 0x01\n",
		"sys/block/nvme0n1/stat":                    "1 2 3 4 5 6 0\n",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, file, text)
	}
	same(t, sense(t, Options{Root: root}), []string{
		"mmcblk0_written_bytes=1.04858e+06 By", "mmcblk0_life_used_percent=30 %",
		"mmcblk1_life_used_percent bad:unreadable",
		"nvme0n1_written_bytes=0 By", "nvme0n1_life_used_percent=100 %",
		"sda_written_bytes=512 By",
		"eth0_rx_bytes=1000 By", "eth0_tx_bytes bad:unreadable",
	})
}
