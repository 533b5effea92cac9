package fieldpost_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// voice is where it is written how the program speaks to a person.
const voice = "internal/diag/voice.go"

// dialect is what voice has a function for.
var dialect = regexp.MustCompile(`hint: |2006-01-02 15:04:05Z|"15:04:05|%d bytes, %s|func (plural|volume|moment)\(`)

// rounded is a span of time that is made short to be shown, and spanned what voice
// writes, or the log, whose values are Go's.
var (
	rounded = regexp.MustCompile(`\.Round\(time\.Second\)`)
	spanned = regexp.MustCompile(`[sS]pan\(|\blog\.`)
)

// TestOneVoice: hints, times, sizes and numbers of things are written in one file.
func TestOneVoice(t *testing.T) {
	spoken := 0
	for file := range sources(t) {
		file = filepath.ToSlash(file)
		if !strings.HasPrefix(file, "cmd/agent/") && !strings.HasPrefix(file, "internal/agent/") && !strings.HasPrefix(file, "internal/diag/") && !strings.HasPrefix(file, "internal/top/") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			switch code, _, _ := strings.Cut(line, "// "); {
			case rounded.MatchString(code) && !spanned.MatchString(code):
				t.Errorf("%s:%d: diag.Span writes this: %s", file, n+1, strings.TrimSpace(line))
			case !dialect.MatchString(code):
			case file == voice:
				spoken++
			default:
				t.Errorf("%s:%d: %s has this: %s", file, n+1, voice, strings.TrimSpace(line))
			}
		}
	}
	if spoken < 4 {
		t.Errorf("%d such lines in %s: the test looks for something else", spoken, voice)
	}
}
