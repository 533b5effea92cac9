package clock

import (
	"encoding/hex"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// bootID reads the random id that the kernel drew at boot.
func bootID() ([16]byte, bool) {
	text, err := os.ReadFile(bootIDFile)
	if err != nil {
		return [16]byte{}, false
	}
	return parseBootID(string(text))
}

// parseBootID reads a UUID as the kernel prints it: 32 hex digits and dashes.
func parseBootID(text string) (id [16]byte, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(b) != len(id) {
		return id, false
	}
	copy(id[:], b)
	return id, id != [16]byte{}
}

// bootTime returns the time since boot, suspend included.
func bootTime() (time.Duration, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// disciplined reports whether something keeps the kernel's clock right. A
// sandbox may forbid the question: then nothing vouches.
func disciplined() bool {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false
	}
	return t.Status&unix.STA_UNSYNC == 0
}
