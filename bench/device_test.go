package main

import "testing"

func TestParseStat(t *testing.T) {
	got, err := parseStat("  101 2 303 4 505 6 707 8 9 10 11 12 13 14 15 16 17\n")
	if want := (counters{bytes: 707 * 512, flushes: 16}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := parseStat("1 2 3 4 5 6 7 8 9 10 11"); err == nil {
		t.Error("a kernel without a count of flushes is taken")
	}
}
