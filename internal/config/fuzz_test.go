package config

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever a file holds, it is read to an answer: a Config that can be run, or
// problems that stand on lines of the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte("version = 1\n"))
	f.Add([]byte("version = 1\n[[sensor]]\nname = \"a\"\nsource = \"bme280\"\nbus = \"b\"\n[[bus]]\nname = \"b\"\ndevice = \"d\"\n"))
	f.Add([]byte("version = 1\nstore = {preset = \"sd\", max_bytes = \"1.5GiB\"}\n[commands]\nallow = [\n\"a\", # x\n'b']\n"))
	f.Add([]byte("a.b.c = 1\n[a.b]\n[[a.b.c]]\n[a]\nx = 07:32:00\ny = 1979-05-27T07:32:00Z\nz = -inf\n"))
	f.Add([]byte("\"\\U0010ffff\" = \"\\u00e9\\x\"\r\n'' = \"\"\"\\\r\n a\"\"\"\n"))
	f.Add([]byte("[sensor]\n[[sensor]]\n[sensor.x]\n[[bus]]\n[[bus.y]]\nk = [[1], {a = 1}, [[]]]"))
	f.Add([]byte("\xef\xbb\xbf\x00\xff"))
	f.Add([]byte("version = 1\n[hub]\n\x1b = 1"))
	f.Add([]byte("x = 0x_1\ny = 1__0\nz = \"\\u"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c, problems := Parse("f.toml", data)
		if !bytes.Equal(before, data) {
			t.Fatal("the data was changed")
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Fatalf("a file of %d lines has a problem on line %d: %v", lines, p.Line, p)
			}
			if p.Message == "" || strings.ContainsAny(p.String(), "\n\r\x1b") {
				t.Fatalf("not one line: %q", p.String())
			}
		}
		if len(problems) > 0 {
			return
		}
		if c == nil || len(c.Sensors) == 0 || c.Store.Preset == "" || c.Store.OverflowTelemetry == "" || c.Store.KeepOneIn < 2 || c.Agent.StateDir == "" {
			t.Fatalf("no problems, but not complete: %+v", c)
		}
		for _, s := range c.Sensors {
			if s.Name == "" || s.Source == "" || s.Every <= 0 {
				t.Fatalf("no problems, but not complete: %+v", s)
			}
		}
	})
}

// Deep nesting must not exhaust the stack: a stack that is full ends the process.
func TestDeepNesting(t *testing.T) {
	for _, open := range []string{"[", "{a=", "a."} {
		text := "version = 1\nx = "
		if open == "a." {
			text = "version = 1\n"
		}
		text += strings.Repeat(open, (MaxFile-len(text))/len(open))
		if _, problems := Parse("deep.toml", []byte(text)); len(problems) == 0 {
			t.Errorf("%q: no problem", open)
		}
	}
	closed := MaxFile/2 - 20
	if _, problems := Parse("", []byte("version = 1\nx = "+strings.Repeat("[", closed)+strings.Repeat("]", closed))); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
}
