package config

import (
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// store converts v to the type of the key's field and puts it there, or tells
// what is wrong with it. path is for problems, at for the lines of list items.
func (c *checker) store(path, at string, k key, v *node, t *target) {
	tell := func(message, hint string) { c.add(v.line, path, message, hint) }
	switch field := k.field(t).(type) {
	case *bool:
		if v.kind != boolean {
			tell(wrongType(v, "true or false"))
			return
		}
		*field = v.text == "true"
	case *int64:
		c.number(k, v, tell, func(n int64) { *field = n })
	case *float64:
		if x, ok := real(v, tell); ok {
			*field = x
		}
	case **float64:
		if x, ok := real(v, tell); ok {
			*field = &x
		}
	case *[][2]float64:
		*field = pairs(v, tell)
	case *uint16:
		c.number(k, v, tell, func(n int64) { *field = uint16(n) })
	case *time.Duration:
		if v.kind != text {
			tell(wrongType(v, `a duration in quotes, such as "10s"`))
			return
		}
		d, err := time.ParseDuration(v.text)
		if err != nil {
			tell(quote(v.text)+" is not a duration", `a number and one of ms, s, m, h: "10s", "1h30m"`)
			return
		}
		if message := outside(k, int64(d), func(n int64) string { return short(time.Duration(n)) }); message != "" {
			tell(message, "")
			return
		}
		*field = d
	case *Size:
		if v.kind != text {
			tell(wrongType(v, `a size in quotes, such as "64MiB"`))
			return
		}
		size, err := ParseSize(v.text)
		if err != nil {
			tell(quote(v.text)+" is not a size", `a number and one of B, kB, MB, GB, KiB, MiB, GiB: "64MiB"`)
			return
		}
		if message := outside(k, int64(size), func(n int64) string { return Size(n).String() }); message != "" {
			tell(message, "")
			return
		}
		*field = size
	case *slog.Level:
		if s, ok := c.text(k, v, tell); ok {
			if err := field.UnmarshalText([]byte(s)); err != nil {
				tell(err.Error(), "")
			}
		}
	case *string:
		if s, ok := c.text(k, v, tell); ok {
			*field = s
		}
	case *[]string:
		c.texts(path, at, k, v, field)
	}
}

// number stores a whole number that is in the key's range.
func (c *checker) number(k key, v *node, tell func(message, hint string), put func(int64)) {
	if v.kind != integer {
		tell(wrongType(v, "a whole number"))
		return
	}
	n, err := strconv.ParseInt(v.text, 0, 64)
	if err != nil {
		tell(quote(v.text)+" is not a whole number", "")
		return
	}
	if message := outside(k, n, numeral(k)); message != "" {
		tell(message, "")
		return
	}
	put(n)
}

// real returns a number with or without a fraction.
func real(v *node, tell func(message, hint string)) (float64, bool) {
	if v.kind != float && v.kind != integer {
		tell(wrongType(v, "a number"))
		return 0, false
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(v.text, "_", ""), 64)
	if n, whole := strconv.ParseInt(v.text, 0, 64); v.kind == integer && whole == nil {
		x, err = float64(n), nil
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		tell(quote(v.text)+" is not a number", "")
		return 0, false
	}
	return x, true
}

// pairs returns a list of lists of two numbers.
func pairs(v *node, tell func(message, hint string)) [][2]float64 {
	if v.kind != list {
		tell(wrongType(v, "a list of pairs of numbers"))
		return nil
	}
	var found [][2]float64
	for _, item := range v.items {
		if item.kind != list || len(item.items) != 2 {
			tell("holds something else than pairs of numbers", "such as [[0.0, 0.3], [100.0, 99.1]]")
			return nil
		}
		var p [2]float64
		for i := range p {
			x, ok := real(item.items[i], tell)
			if !ok {
				return nil
			}
			p[i] = x
		}
		found = append(found, p)
	}
	return found
}

// numeral writes a whole number as the key's example does.
func numeral(k key) func(int64) string {
	if strings.HasPrefix(k.example, "0x") {
		return func(n int64) string { return fmt.Sprintf("%#02x", n) }
	}
	return func(n int64) string { return strconv.FormatInt(n, 10) }
}

// text returns a text that the key accepts, as a path where the key is one.
func (c *checker) text(k key, v *node, tell func(message, hint string)) (string, bool) {
	if v.kind != text {
		tell(wrongType(v, "a text in quotes"))
		return "", false
	}
	if k.oneOf != nil && !slices.Contains(k.oneOf, v.text) {
		message := fmt.Sprintf("%s is not one of %s", quote(v.text), strings.Join(k.oneOf, ", "))
		if near := nearest(v.text, k.oneOf); near != "" {
			message += " (nearest: " + near + ")"
		}
		tell(message, "")
		return "", false
	}
	if k.valid != nil {
		if message, hint := k.valid(v.text); message != "" {
			tell(message, hint)
			return "", false
		}
	}
	if !k.path {
		return v.text, true
	}
	if v.text == "" || strings.ContainsRune(v.text, 0) {
		tell(quote(v.text)+" is not a path", "")
		return "", false
	}
	if filepath.IsAbs(v.text) || strings.HasPrefix(v.text, "/") {
		return v.text, true
	}
	return filepath.Join(c.dir, v.text), true
}

// texts stores a list of texts, each of which the key accepts, none twice.
func (c *checker) texts(path, at string, k key, v *node, field *[]string) {
	if v.kind != list {
		message, hint := wrongType(v, "a list of texts")
		c.add(v.line, path, message, hint)
		return
	}
	found := make([]string, 0, len(v.items))
	for i, item := range v.items {
		s, ok := c.text(k, item, func(message, hint string) { c.add(item.line, path, message, hint) })
		switch {
		case !ok:
		case !k.repeats && slices.Contains(found, s):
			c.add(item.line, path, quote(s)+" is there twice", "")
		default:
			c.config.origin.lines[fmt.Sprintf("%s[%d]", at, len(found))] = v.items[i].line
			found = append(found, s)
		}
	}
	*field = found
}

func wrongType(v *node, wanted string) (message, hint string) {
	return fmt.Sprintf("is %s, must be %s", v.kind, wanted), ""
}

// outside tells how n misses the range of a key, or nothing.
func outside(k key, n int64, write func(int64) string) string {
	if k.min == 0 && k.max == 0 || n >= k.min && n <= k.max {
		return ""
	}
	return fmt.Sprintf("%s is out of range: %s to %s", write(n), write(k.min), write(k.max))
}

// short writes a duration without its zero parts: "10m", not "10m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote writes a value of the file for a person: escaped, at most 60 characters.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	if secret(s) {
		return "the value"
	}
	return strconv.Quote(s)
}

// shown writes a key of the file for a person: as it is when that is harmless.
func shown(name string) string {
	if secret(name) {
		return "(not shown)"
	}
	plain := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == '.' }) < 0
	if plain && name != "" && len(name) <= 60 {
		return name
	}
	return quote(name)
}

// visible writes what a terminal would obey instead of show as an escape.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
