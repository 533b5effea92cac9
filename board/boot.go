package board

import (
	"encoding/binary"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Facts are what does not change while the machine runs, beside its Identity. Empty
// fields are unknown.
type Facts struct {
	Revision string // of the board: "c03114"
	Kernel   string // "6.12.47+rpt-rpi-v8"
	Arch     string // of the program: "arm64"
	Reset    string // why it has started, one of the Reset constants
	RTC      string // name of its clock chip: "rtc-ds1307 1-0068"
}

// Why a machine has started.
const (
	ResetPower    = "power-on"
	ResetWatchdog = "watchdog"
	ResetPanic    = "kernel-panic"
	ResetRestart  = "restart" // a reboot, or on a Raspberry Pi its watchdog, which makes the reboots
	ResetUnknown  = "unknown"
)

// FactsOf reads the facts of the machine whose file system is at root, "" for "/". It
// never fails.
func FactsOf(root string) Facts {
	if root == "" {
		root = "/"
	}
	return Facts{
		Revision: revision(root),
		Kernel:   readLine(root, "proc/sys/kernel/osrelease"),
		Arch:     runtime.GOARCH,
		Reset:    reset(root),
		RTC:      readLine(root, "sys/class/rtc/rtc0/name"),
	}
}

// revision is that of a Raspberry Pi.
func revision(root string) string {
	if b := readFile(root, "proc/device-tree/system/linux,revision"); len(b) == 4 {
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(b)), 16)
	}
	for line := range strings.Lines(string(readFile(root, "proc/cpuinfo"))) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "Revision" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Bits of what is asked for the reason of a reset.
const (
	cardReset = 0x20 // WDIOF_CARDRESET of linux/watchdog.h
	// PM_RSTS of BCM2835 and its successors, as the firmware hands it on.
	hadPower   = 0x1000
	hadRestart = 0x770 // by software or by the watchdog
)

// reset asks the watchdogs, then what a crashed kernel has left, then the firmware of
// a Raspberry Pi.
func reset(root string) string {
	dogs, _ := filepath.Glob(filepath.Join(root, "sys/class/watchdog/watchdog*"))
	for _, dog := range dogs {
		bits, err := strconv.ParseUint(readLine(dog, "bootstatus"), 0, 32)
		if err == nil && bits&cardReset != 0 {
			return ResetWatchdog
		}
	}
	if left, _ := filepath.Glob(filepath.Join(root, "sys/fs/pstore/dmesg-*")); len(left) > 0 {
		return ResetPanic
	}
	if b := readFile(root, "proc/device-tree/chosen/bootloader/rsts"); len(b) == 4 {
		switch bits := binary.BigEndian.Uint32(b); {
		case bits&hadPower != 0:
			return ResetPower
		case bits&hadRestart != 0:
			return ResetRestart
		}
	}
	return ResetUnknown
}
