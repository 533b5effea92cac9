package board

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const machine = "0123456789abcdef0123456789abcdef"

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Identity
	}{
		{"Raspberry Pi", map[string]string{
			"proc/device-tree/model":         "Raspberry Pi 4 Model B Rev 1.4\x00",
			"proc/device-tree/serial-number": "10000000a1b2c3d4\x00",
			"etc/machine-id":                 machine + "\n",
		}, Identity{"Raspberry Pi 4 Model B Rev 1.4", "10000000a1b2c3d4", machine, "10000000a1b2c3d4", "device-tree"}},
		{"serial in cpuinfo only", map[string]string{
			"proc/device-tree/serial-number": "0000000000000000\x00",
			"proc/cpuinfo":                   "processor\t: 0\nRevision\t: c03114\nSerial\t\t: 00000000deadbeef\nModel\t\t: x\n",
		}, Identity{"", "00000000deadbeef", "", "00000000deadbeef", "cpuinfo"}},
		{"emulator without a serial", map[string]string{
			"proc/device-tree/model": "Raspberry Pi 3 Model B\x00",
			"proc/cpuinfo":           "Serial\t\t: 0000000000000000\n",
			"etc/machine-id":         machine,
		}, Identity{"Raspberry Pi 3 Model B", "", machine, machine, "machine-id"}},
		{"PC", map[string]string{
			"sys/class/dmi/id/product_name": "NUC10\n",
			"var/lib/dbus/machine-id":       machine + "\n",
		}, Identity{"NUC10", "", machine, machine, "machine-id"}},
		{"image not yet booted", map[string]string{"etc/machine-id": "uninitialized\n"}, Identity{From: "none"}},
		{"zeros", map[string]string{"etc/machine-id": "00000000000000000000000000000000\n"}, Identity{From: "none"}},
		{"too short", map[string]string{"etc/machine-id": "0123456789abcdef\n"}, Identity{From: "none"}},
		{"no id", map[string]string{"etc/machine-id": strings.Repeat("x", 32) + "\n"}, Identity{From: "none"}},
		{"more behind the end", map[string]string{"proc/device-tree/model": "Pi\x00garbage"}, Identity{Model: "Pi", From: "none"}},
		{"without end", map[string]string{"proc/cpuinfo": strings.Repeat("x : y\n", maxIdentityFile/6+1) + "Serial : 1234\n"}, Identity{From: "none"}},
		{"not text", map[string]string{"proc/device-tree/model": "\x00\x00\x00\x01", "proc/device-tree/serial-number": "\x01\xff\x02\x00"}, Identity{From: "none"}},
		{"empty", nil, Identity{From: "none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				name = filepath.Join(root, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := Identify(root); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
