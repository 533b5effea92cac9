// Package promtest reads figures in the text format of Prometheus, for tests: it
// refuses what a lenient reader would let pass.
//
// Source: prometheus.io/docs/instrumenting/exposition_formats, text version 0.0.4;
// prometheus.io/docs/practices/naming.
package promtest

import (
	"fmt"
	"strconv"
	"strings"
)

// Sample is one line of figures.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Parse is strict: each family has one HELP and one TYPE before its samples,
// all its samples stand together, no series is there twice, and names follow the
// conventions of Prometheus.
func Parse(text string) ([]Sample, error) {
	var all []Sample
	kinds, helps, series := map[string]string{}, map[string]bool{}, map[string]bool{}
	current := ""
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("line %d %q: %s", n+1, line, fmt.Sprintf(format, args...))
		}
		if rest, is := strings.CutPrefix(line, "# HELP "); is {
			name, help, _ := strings.Cut(rest, " ")
			if helps[name] || help == "" || strings.Contains(strings.NewReplacer(`\\`, "", `\n`, "").Replace(help), `\`) {
				return nil, bad("second, empty or badly escaped help")
			}
			helps[name], current = true, name
			continue
		}
		if rest, is := strings.CutPrefix(line, "# TYPE "); is {
			name, kind, _ := strings.Cut(rest, " ")
			switch {
			case name != current || kinds[name] != "":
				return nil, bad("type is not behind its help")
			case kind != "counter" && kind != "gauge":
				return nil, bad("type %q", kind)
			case (kind == "counter") != strings.HasSuffix(name, "_total"):
				return nil, bad("a counter ends in _total, and nothing else does")
			}
			for _, unit := range []string{"_ms", "_milliseconds", "_minutes", "_hours", "_kb", "_kib", "_mb", "_percent"} {
				if strings.Contains(name, unit) {
					return nil, bad("not a base unit")
				}
			}
			kinds[name] = kind
			continue
		}
		s := Sample{Labels: map[string]string{}}
		i := strings.IndexAny(line, "{ ")
		if i < 1 {
			return nil, bad("no name")
		}
		s.Name = line[:i]
		for j, r := range s.Name {
			if !(r == '_' || r == ':' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || j > 0 && r >= '0' && r <= '9') {
				return nil, bad("name")
			}
		}
		if s.Name != current || kinds[s.Name] == "" {
			return nil, bad("a sample apart from its family")
		}
		rest := line[i:]
		if rest[0] == '{' {
			rest = rest[1:]
			for more := true; more; {
				name, value, ok := strings.Cut(rest, `="`)
				if !ok || name == "" || strings.ContainsAny(name, ` ,"{}\`) {
					return nil, bad("label")
				}
				var b strings.Builder
				end := -1
				for k := 0; k < len(value) && end < 0; k++ {
					switch value[k] {
					case '"':
						end = k
					case '\\':
						k++
						if k == len(value) || !strings.ContainsRune(`\n"`, rune(value[k])) {
							return nil, bad("escape")
						}
						b.WriteByte(map[byte]byte{'\\': '\\', 'n': '\n', '"': '"'}[value[k]])
					default:
						b.WriteByte(value[k])
					}
				}
				if _, twice := s.Labels[name]; end < 0 || twice {
					return nil, bad("label value without end, or label twice")
				}
				s.Labels[name] = b.String()
				rest = value[end+1:]
				more = strings.HasPrefix(rest, ",")
				rest = strings.TrimPrefix(rest, ",")
			}
			if !strings.HasPrefix(rest, "}") {
				return nil, bad("labels without end")
			}
			rest = rest[1:]
		}
		number, ok := strings.CutPrefix(rest, " ")
		v, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil {
			return nil, bad("number")
		}
		if kinds[s.Name] == "counter" && !(v >= 0) {
			return nil, bad("a counter below zero")
		}
		key := s.Name + fmt.Sprint(s.Labels)
		if series[key] {
			return nil, bad("series twice")
		}
		series[key] = true
		s.Value = v
		all = append(all, s)
	}
	return all, nil
}
