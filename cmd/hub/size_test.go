package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]string{"64MiB": "64MiB", "1024": "1KiB", "1000": "1000", "3GiB": "3GiB", "1024MiB": "1GiB", "8589934591GiB": "8589934591GiB"} {
		var s size
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, s.String(), err, want)
		}
	}
	for _, bad := range []string{"", "0", "-1", "MiB", "1MB", "1 MiB", "1.5GiB", "8589934592GiB", "9223372036854775808"} {
		var s size
		if err := s.Set(bad); err == nil {
			t.Errorf("%q was taken for %s", bad, s.String())
		}
	}
}
