package store

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// TestSentinelThatStaysIsToldOnChange: a folder that lets the mark of an attempt not go
// is warned of when that begins, and again after it had an end.
func TestSentinelThatStaysIsToldOnChange(t *testing.T) {
	var told bytes.Buffer
	s := New(Options{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&told, nil))})
	for range 2 {
		told.Reset()
		full := filepath.Join(s.sentinel(), "file") // a folder with a file in it cannot be removed, by root neither
		if err := os.MkdirAll(full, 0o700); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s.leaveOpening()
		}
		if n := strings.Count(told.String(), "stays"); n != 1 {
			t.Errorf("told %d times, want once:\n%s", n, &told)
		}
		if err := os.Remove(full); err != nil {
			t.Fatal(err)
		}
		s.leaveOpening()
		s.leaveOpening()
	}
}
