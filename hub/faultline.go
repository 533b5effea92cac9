package hub

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseFault reads one line of the fault language, for example
//
//	reject telemetry device=gw1 condition=amqp:internal-error after=10 count=5
//	blackhole device=gw1 for=2m
//
// The first word names the fault; words and name=value clauses follow in any
// order. docs/HUB.md lists them. An error names the word that is wrong and the
// nearest known one.
func ParseFault(line string) (Fault, error) {
	words, err := faultWords(line)
	if err != nil {
		return Fault{}, err
	}
	if len(words) == 0 {
		return Fault{}, fmt.Errorf("fault: the line is empty")
	}
	f := Fault{seed: 1}
	var known []string
	for _, k := range faultKinds() {
		known = append(known, k.name)
		if k.name == words[0].name && !words[0].valued {
			f.kind = k
		}
	}
	if f.kind == nil {
		return Fault{}, fmt.Errorf("fault: %q is no fault%s", words[0].text(), nearest(words[0].name, known))
	}
	seen := map[string]bool{}
	for _, w := range words[1:] {
		if seen[w.name] {
			return Fault{}, f.wrong("%q comes twice", w.name)
		}
		seen[w.name] = true
		if err := f.take(w); err != nil {
			return Fault{}, err
		}
	}
	if err := f.check(seen); err != nil {
		return Fault{}, err
	}
	f.line = f.text()
	return f, nil
}

// MustParseFault is ParseFault for lines that are part of a program. It panics
// on an error.
func MustParseFault(line string) Fault {
	f, err := ParseFault(line)
	if err != nil {
		panic(err)
	}
	return f
}

// take does one word or clause.
func (f *Fault) take(w faultWord) error {
	if k := linkKindOf(w.name); k != 0 && !w.valued {
		if f.kind.links == 0 {
			return f.wrong("%q names links, and it strikes none", w.name)
		}
		if k == linksAll {
			k = f.kind.links
		}
		if k&^f.kind.links != 0 {
			return f.wrong("it cannot strike %s, only %s", w.name, strings.Join(f.kind.links.words(), ", "))
		}
		f.links |= k
		return nil
	}
	var known []string
	if f.kind.links != 0 {
		known = append(linkNames(), wordAll)
	}
	for _, c := range faultClauses() {
		if !f.kind.takes(c.name) {
			continue
		}
		known = append(known, c.name)
		switch {
		case c.name != w.name:
		case c.word && w.valued:
			return f.wrong("%q takes no value", w.name)
		case !c.word && (!w.valued || w.value == ""):
			return f.wrong("%q needs a value: %s=%s", w.name, w.name, c.example)
		default:
			if err := c.read(f, w.value); err != nil {
				return f.wrong("%s: %v", w.text(), err)
			}
			return nil
		}
	}
	return f.wrong("%q is not known here%s", w.text(), nearest(w.name, known))
}

// check judges the line as a whole.
func (f *Fault) check(seen map[string]bool) error {
	for _, name := range f.kind.needs {
		if !seen[name] {
			for _, c := range faultClauses() {
				if c.name == name {
					return f.wrong("it needs %s=%s", name, c.example)
				}
			}
		}
	}
	if f.every.d > 0 && f.byMessage() {
		return f.wrong("every=%s goes by the clock, and p or after by messages", f.every)
	}
	if f.kind.check != nil {
		if err := f.kind.check(f); err != nil {
			return f.wrong("%v", err)
		}
	}
	return nil
}

func (f *Fault) wrong(format string, args ...any) error {
	return fmt.Errorf("fault %s: %s", f.kind.name, fmt.Sprintf(format, args...))
}

// faultWord is a word of a line, with a value if there is an equals sign.
type faultWord struct {
	name, value string
	valued      bool
}

func (w faultWord) text() string {
	if w.valued {
		return w.name + "=" + quoteValue(w.value)
	}
	return w.name
}

// faultWords takes a line apart at its spaces. A value between double quotes may
// hold any character, escaped as in Go.
func faultWords(line string) ([]faultWord, error) {
	var words []faultWord
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" {
			return words, nil
		}
		var w faultWord
		end := strings.IndexAny(line, " \t\r\n=")
		if end < 0 {
			end = len(line)
		}
		w.name, line = line[:end], line[end:]
		if strings.HasPrefix(line, "=") {
			w.valued, line = true, line[1:]
			if strings.HasPrefix(line, `"`) {
				quoted, err := strconv.QuotedPrefix(line)
				if err == nil {
					w.value, err = strconv.Unquote(quoted)
				}
				if err != nil {
					return nil, fmt.Errorf("fault: the quotes of %q do not end", w.name)
				}
				line = line[len(quoted):]
			} else {
				end := strings.IndexAny(line, " \t\r\n")
				if end < 0 {
					end = len(line)
				}
				w.value, line = line[:end], line[end:]
			}
		}
		words = append(words, w)
	}
}

// nearest returns a hint at the known word that is most like word, "" when none
// is.
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": is it %q?", best)
}

// distance returns how many letters must be changed, added or left out to make b
// of a.
func distance(a, b string) int {
	if len(a) > 2*maxFaultWord {
		return maxFaultWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// maxFaultWord is longer than any word of the language, in bytes.
const maxFaultWord = 32
