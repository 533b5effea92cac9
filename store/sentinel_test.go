package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/clock"
)

// booted is a clock of one boot.
type booted [16]byte

func (b booted) Now() clock.Stamp {
	return clock.Stamp{Boot: b, Wall: time.Now().UTC(), Trust: clock.TrustPlausible}
}

// TestOpeningSentinel: a file at which the process died twice in this boot, or five
// times in all, is set aside, and what is whole in it comes back. One that kills
// who salvages it too is set aside unread.
func TestOpeningSentinel(t *testing.T) {
	this, other := strings.Repeat("07", 16), strings.Repeat("09", 16)
	for died, set := range map[string]int{
		"":             0,
		"9":            0,
		"9 9 9":        0,
		"junk":         0,
		"-1 0 " + this: 0,
		"1 0 " + this:  0,
		"2 0 " + this:  1,
		"1 3 " + this:  0,
		"1 4 " + this:  1,
		"2 0 " + other: 0,
		"2 2 " + other: 0,
		"3 1 " + other: 0,
		"2 3 " + other: 1,
		"4 0 " + this:  -1,
		"5 9 " + other: -1,
	} {
		o := filled(t, 200, false)
		o.Clock = booted([]byte(strings.Repeat("\x07", 16)))
		if err := os.WriteFile(filepath.Join(o.Dir, ".opening"), []byte(died), 0o600); err != nil {
			t.Fatal(err)
		}
		got, _ := left(t, o)
		unread := set < 0
		if n := len(asides(t, o.Dir)); n != max(set, -set) || unread != (len(got) < 160) {
			t.Errorf("after %q: %d files set aside, want %d; %d records", died, n, set, len(got))
		}
		if _, err := os.Stat(filepath.Join(o.Dir, ".opening")); !os.IsNotExist(err) {
			t.Errorf("the sentinel stays: %v", err)
		}
	}
}
