package hub

import (
	"strconv"
	"strings"
)

// FaultNames returns the names of all faults.
func FaultNames() []string {
	var names []string
	for _, k := range faultKinds() {
		names = append(names, k.name)
	}
	return names
}

// text returns the line in its shortest form.
func (f *Fault) text() string {
	words := []string{f.kind.name}
	if f.links != 0 && f.links == f.kind.links {
		words = append(words, wordAll)
	} else {
		words = append(words, f.links.words()...)
	}
	for _, c := range faultClauses() {
		if !f.kind.takes(c.name) {
			continue
		}
		if text := c.write(f); text != "" {
			if c.word {
				words = append(words, text)
			} else {
				words = append(words, c.name+"="+quoteValue(text))
			}
		}
	}
	return strings.Join(words, " ")
}

// quoteValue puts what would not be one word between quotes.
func quoteValue(s string) string {
	if strings.ContainsAny(s, " \"\\") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}
