package store

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fieldpost/internal/clock"
)

type inBoot [16]byte

func (b inBoot) Now() clock.Stamp {
	return clock.Stamp{Boot: b, Wall: time.Now().UTC(), Trust: clock.TrustPlausible}
}

// TestSentinelCounts: each attempt that does not end is counted, by boot.
func TestSentinelCounts(t *testing.T) {
	dir := t.TempDir()
	want := func(boot byte, attempt string) {
		t.Helper()
		clk := inBoot{boot}
		_ = New(Options{Dir: dir, Clock: clk}).enterOpening() // and never left
		b, err := os.ReadFile(filepath.Join(dir, ".opening"))
		if text := attempt + " " + hex.EncodeToString(clk[:]) + "\n"; err != nil || string(b) != text {
			t.Errorf("%q, %v; want %q", b, err, text)
		}
	}
	want(1, "1 0")
	want(1, "2 0")
	want(1, "3 0")
	want(2, "1 3")
	want(3, "1 4")
	want(3, "2 4")
	New(Options{Dir: dir}).leaveOpening()
	want(3, "1 0")
}
