package clock

import "testing"

func TestParseBootID(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"0ed3c0e7-5b8f-4c6b-9d62-5d3c2ad1a1ef\n", true},
		{"", false},
		{"0ed3c0e7-5b8f-4c6b-9d62-5d3c2ad1a1", false},
		{"00000000-0000-0000-0000-000000000000\n", false},
		{"zed3c0e7-5b8f-4c6b-9d62-5d3c2ad1a1ef\n", false},
	} {
		if id, ok := parseBootID(c.text); ok != c.ok || ok && id[0] != 0x0e {
			t.Errorf("parseBootID(%q) = %x, %v", c.text, id, ok)
		}
	}
}
