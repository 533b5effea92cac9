package fieldpost_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// traps is where the tables of the drivers begin in docs/PROOFS.md.
const traps = "## The drivers"

// TestTraps: every trap of a part or a library that is told of names tests that exist.
func TestTraps(t *testing.T) {
	text, err := os.ReadFile("docs/PROOFS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), traps+"\n")
	if !found {
		t.Fatalf("docs/PROOFS.md has no %q", traps)
	}
	table, _, _ = strings.Cut(table, "\n## ")
	tests := testsByPackage(t)
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || strings.TrimSpace(cells[0]) == "trap" {
			continue
		}
		rows++
		names := testName.FindAllStringSubmatch(cells[2], -1)
		if len(names) == 0 {
			t.Errorf("no test: %s", line)
		}
		for _, n := range names {
			if !slices.Contains(tests[n[1]], n[2]) {
				t.Errorf("package %q has no test %s: %s", n[1], n[2], line)
			}
		}
	}
	if rows < 30 {
		t.Errorf("only %d rows found: the table has another shape", rows)
	}
}
