package store

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"
)

// TestUnloadStaysInTheMapping: what is given back to the kernel is the file's, also
// when the file is longer than what of it is mapped.
func TestUnloadStaysInTheMapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := onBench(t, hour(t))
		b.add(Telemetry, 50)
		b.flush()
		b.io <- struct{}{}
		defer func() { <-b.io; b.stop() }()
		if err := b.disk.extend(b.disk.held + 32<<20); err != nil {
			t.Fatal(err)
		}
		err := b.disk.view(func(tx *bolt.Tx) error {
			at, n := b.disk.inUse(tx)
			from, to := mapping(t, b.disk.path, at)
			if n == 0 || at+n > to {
				t.Errorf("%d bytes from %#x on, mapped are %#x to %#x", n, at, from, to)
			}
			if b.disk.size() <= int64(to-from) {
				t.Errorf("the file of %d bytes is no longer than its mapping", b.disk.size())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// mapping finds where the file is mapped at address at.
func mapping(t *testing.T, path string, at uintptr) (from, to uintptr) {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); err == nil && from <= at && at < to && strings.HasSuffix(lines.Text(), path) {
			return from, to
		}
	}
	t.Fatalf("%s is not mapped at %#x", path, at)
	return 0, 0
}
