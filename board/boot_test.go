package board

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFacts(t *testing.T) {
	const rsts = "proc/device-tree/chosen/bootloader/rsts"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Facts
	}{
		{"nothing is known", nil, Facts{Reset: ResetUnknown}},
		{"Raspberry Pi after a power cut", map[string]string{
			"proc/device-tree/system/linux,revision": "\x00\xc0\x31\x14",
			"proc/cpuinfo":                           "Revision\t: other\n",
			"proc/sys/kernel/osrelease":              "6.12.47+rpt-rpi-v8\n",
			"sys/class/rtc/rtc0/name":                "rtc-ds1307 1-0068\n",
			rsts:                                     "\x00\x00\x10\x20",
		}, Facts{Revision: "c03114", Kernel: "6.12.47+rpt-rpi-v8", RTC: "rtc-ds1307 1-0068", Reset: ResetPower}},
		{"and after a reboot", map[string]string{"proc/cpuinfo": "x\nRevision\t: 0010\n", rsts: "\x00\x00\x04\x20"}, Facts{Revision: "0010", Reset: ResetRestart}},
		{"a watchdog knows best", map[string]string{
			"sys/class/watchdog/watchdog0/bootstatus": "0\n", "sys/class/watchdog/watchdog1/bootstatus": "32\n", rsts: "\x00\x00\x10\x00",
		}, Facts{Reset: ResetWatchdog}},
		{"a kernel that crashed", map[string]string{"sys/fs/pstore/dmesg-ramoops-0": "Oops", "sys/class/watchdog/watchdog0/bootstatus": "1\n"}, Facts{Reset: ResetPanic}},
		{"a restart by software alone", map[string]string{rsts: "\x00\x00\x04\x00"}, Facts{Reset: ResetRestart}},
		{"other bits of the firmware", map[string]string{rsts: "\x00\x00\x08\x8f"}, Facts{Reset: ResetUnknown}},
		{"other bits of a watchdog", map[string]string{"sys/class/watchdog/watchdog0/bootstatus": "20\n"}, Facts{Reset: ResetUnknown}},
		{"too large", map[string]string{"sys/class/watchdog/watchdog0/bootstatus": "99999999999\n",
			"proc/device-tree/system/linux,revision": "\x00\x00\x00\x00\x00\xc0\x31\x14", "proc/cpuinfo": "Revision\t: 0010\n"}, Facts{Revision: "0010", Reset: ResetUnknown}},
		{"torn", map[string]string{rsts: "\x00", "proc/device-tree/system/linux,revision": "\x00", "sys/class/watchdog/watchdog0/bootstatus": "?"}, Facts{Reset: ResetUnknown}},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.want.Arch = runtime.GOARCH
		if got := FactsOf(root); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Without another root it is this machine that is asked.
func TestFactsOfThisMachine(t *testing.T) {
	if want := readLine("/", "proc/sys/kernel/osrelease"); FactsOf("").Kernel != want || runtime.GOOS == "linux" && want == "" {
		t.Errorf("kernel %q, want %q", FactsOf("").Kernel, want)
	}
}
