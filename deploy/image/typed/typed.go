// Package typed reads a file that a person has typed on some laptop: one word, or a
// few.
package typed

import (
	"os"
	"strings"
)

// Read returns what is in a file without what an editor adds: the mark that some
// begin a file with, and the end of the line. Spaces around go too. The agent counts
// the same way when it provisions.
func Read(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff")), err
}
