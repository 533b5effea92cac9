package config

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"64MiB":                64 << 20,
		"10 MB":                10e6,
		" 1 GiB ":              1 << 30,
		"1.5 GiB":              3 << 29,
		"0.5KiB":               512,
		"7B":                   7,
		"0B":                   0,
		"3kB":                  3000,
		"3KB":                  3000,
		"9223372036854775807B": 1<<63 - 1,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "64", "MiB", "64 miB", "-1MiB", "+1MiB", "1e3MB", "1,5MB", "0x10MB", "1.2.3MB", "infMB", "NaNMB", ".MB",
		"9223372036854775808B", "9223372036854775807KiB", "99999999999999999999999GiB", "64MiBs", "1 M B",
	} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{
		64 << 20: "64MiB", 10e6: "10MB", 1 << 30: "1GiB", 1536: "1536B", 0: "0B", 3000: "3kB", 512 << 20: "512MiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("Size(%d) = %q, want %q", int64(size), got, want)
		}
		if back, err := ParseSize(want); err != nil || back != size {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", want, back, err, size)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64MiB", "1.5 GiB", "9223372036854775807B", "0.0000001kB", "B", "999999999.9GB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if err != nil {
			return
		}
		if size < 0 {
			t.Fatalf("ParseSize(%q) = %d", s, size)
		}
		if back, err := ParseSize(size.String()); err != nil || back != size {
			t.Fatalf("%d prints as %q, which reads as %d, %v", size, size, back, err)
		}
	})
}
