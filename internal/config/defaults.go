package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// Defaults writes a complete configuration with every key explained. It is a
// valid file that says nothing but its version: every other key is commented
// out with # and shows its default, or an example where it has none. Removing
// the # of a key, and of its table, sets it.
func Defaults(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("# Configuration of the fieldpost agent.\n" +
		"# Keys commented out show their defaults; those marked \"example\" have none.\n" +
		"# Keys with ## are for some sources or buses only: docs/SENSORS.md tells which.\n" +
		"# A relative path starts at the folder of this file.\n")
	for _, s := range sections() {
		b.WriteByte('\n')
		if s.help != "" {
			wrap(b, s.help)
		}
		switch {
		case s.many:
			fmt.Fprintf(b, "#[[%s]]\n", s.name)
		case s.name != "":
			fmt.Fprintf(b, "[%s]\n", s.name)
		}
		for _, k := range s.keys {
			printKey(b, s, k)
		}
	}
	return b.Flush()
}

func printKey(b *bufio.Writer, s section, k key) {
	wrap(b, k.help+note(k))
	if s.name == "" {
		fmt.Fprintf(b, "%s = %s\n", k.name, k.example)
		return
	}
	value := k.value
	if value == "" {
		value = k.example
	}
	mark := "#"
	if k.some {
		mark = "##"
	}
	fmt.Fprintf(b, "%s%s = %s\n", mark, k.name, value)
}

// note tells what the table knows of a key beside its help: its kind, its
// range, and whether the value shown is a default.
func note(k key) string {
	var parts []string
	if k.required {
		parts = append(parts, "required")
	}
	if k.oneOf != nil {
		parts = append(parts, strings.Join(k.oneOf, ", "))
	}
	if k.max != 0 {
		write := numeral(k)
		switch k.field(newTarget(new(Config))).(type) {
		case *time.Duration:
			write = func(n int64) string { return short(time.Duration(n)) }
		case *Size:
			write = func(n int64) string { return Size(n).String() }
		}
		parts = append(parts, write(k.min)+" to "+write(k.max))
	}
	if k.value == "" && !k.required {
		parts = append(parts, "example")
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// wrap writes text as comment lines of at most 100 characters.
func wrap(b *bufio.Writer, text string) {
	const most = 100
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > most {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
