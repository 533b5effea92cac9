package config

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "abc", 0},
		{"conection", "connection", 1}, {"kitten", "sitting", 3}, {"sokcet", "socket", 1}, {"ab", "ba", 1},
		{strings.Repeat("a", 65), "a", 64}, {strings.Repeat("a", 64), strings.Repeat("b", 64), 64},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"connection_string_file", "ca_file", "address", "max_bytes", "preset"}
	for word, want := range map[string]string{
		"conection_string_file": "connection_string_file",
		"ConnectionStringFile":  "connection_string_file",
		"connection":            "connection_string_file",
		"cafile":                "ca_file",
		"adress":                "address",
		"addr":                  "address",
		"maxbytes":              "max_bytes",
		"PRESET":                "preset",
		"colour":                "",
		"x":                     "",
		"":                      "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
