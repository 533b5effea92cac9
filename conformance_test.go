package fieldpost_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// conformance is where the table of docs/HUB.md begins.
const conformance = "## Conformance"

// notServed are the words of a row that no test can have.
const notServed = "not served"

// testName is a test in the table; one of package hub has no package before it.
var testName = regexp.MustCompile("`(?:([a-z][a-z0-9]*)\\.)?((?:Test|Fuzz|Example)[A-Za-z0-9_]*)`")

// TestConformanceTable: every row of the table names tests that exist, or says
// that the hub does not serve it, and every part of the protocol is there.
func TestConformanceTable(t *testing.T) {
	text, err := os.ReadFile("docs/HUB.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), conformance+"\n")
	if !found {
		t.Fatalf("docs/HUB.md has no %q", conformance)
	}
	table, _, _ = strings.Cut(table, "\n## ")
	tests := testsByPackage(t)
	parts := make(map[string]bool)
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || strings.HasPrefix(strings.TrimSpace(cells[0]), "**") || strings.TrimSpace(cells[0]) == "§" {
			continue
		}
		rows++
		parts[strings.TrimSpace(cells[0])] = true
		last := strings.TrimSpace(cells[2])
		names := testName.FindAllStringSubmatch(last, -1)
		if len(names) == 0 && !strings.HasPrefix(last, notServed) {
			t.Errorf("neither a test nor %q: %s", notServed, line)
		}
		for _, n := range names {
			pkg := n[1]
			if pkg == "" {
				pkg = "hub"
			}
			if !slices.Contains(tests[pkg], n[2]) {
				t.Errorf("package %s has no test %s: %s", pkg, n[2], line)
			}
		}
	}
	for _, part := range strings.Fields("1.1 1.2 1.3 1.4 1.5 1.6 2 3 4.1 4.2 4.3 4.4 4.5 4.6 5.1 5.2 5.3 5.4 5.5 6 " +
		"7.1 7.2 7.3 7.4 7.5 7.6 8.1 8.2 9.1 9.2 9.3 10.1 10.2 10.3 10.4 10.5 10.6 16") {
		if !parts[part] {
			t.Errorf("nothing is said of part %s", part)
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows found: the table has another shape", rows)
	}
}

// testsByPackage returns the names of the tests that a table may name, by the
// package they are for.
func testsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	tests := make(map[string][]string)
	for _, dir := range []string{"hub", "cmd/hub", "internal/amqpserver", "internal/wsserver", "internal/service", "sensors", "board", "imports_test.go"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			pkg := strings.TrimSuffix(f.Name.Name, "_test")
			for _, decl := range f.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
					tests[pkg] = append(tests[pkg], fn.Name.Name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tests
}
