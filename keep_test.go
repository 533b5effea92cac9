package fieldpost_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// makers are the functions of package os that make a file or a folder.
var makers = []string{"Create", "CreateTemp", "Mkdir", "MkdirAll", "MkdirTemp", "OpenFile", "Symlink", "WriteFile"}

// makes lists where they may be called in what runs in the agent. Everywhere else
// internal/keep makes files, so that root gives them to the owner of their folder.
var makes = []struct{ file, name, reason string }{
	{"internal/keep/keep.go", "OpenFile", "a file beside the one that is replaced"},
	{"internal/keep/keep.go", "MkdirAll", "a folder, which is given afterwards"},
	{"internal/agent/files.go", "CreateTemp", "removed at once: it tries whether the folder can be written"},
	{"internal/diag/socket.go", "OpenFile", "the socket's lock, which is whoever's the socket is"},
	{"internal/diag/socket.go", "MkdirAll", "the socket's folder"},
	{"store/disk.go", "OpenFile", "the queue file, which is given where it is created"},
	{"board/light.go", "OpenFile", "a file of the kernel's"},
	{"board/power_linux.go", "WriteFile", "asks the supervisor, in a folder of its own"},
}

// TestFilesAreMadeInOnePlace: nothing of the agent makes a file by itself.
func TestFilesAreMadeInOnePlace(t *testing.T) {
	used := map[int]bool{}
	for file := range sources(t) {
		pkg := filepath.ToSlash(filepath.Dir(file))
		if top, _, _ := strings.Cut(pkg, "/"); top == "cmd" || top == "hub" || pkg == "internal/provision" || pkg == "store/storetest" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "os" || !slices.Contains(makers, s.Sel.Name) {
				return true
			}
			i := slices.IndexFunc(makes, func(m struct{ file, name, reason string }) bool {
				return m.file == filepath.ToSlash(file) && m.name == s.Sel.Name
			})
			if used[i] = true; i < 0 {
				t.Errorf("%s calls os.%s: internal/keep makes the agent's files", file, s.Sel.Name)
			}
			return true
		})
	}
	for i, m := range makes {
		if !used[i] {
			t.Errorf("%s calls os.%s no more: take it from the list", m.file, m.name)
		}
	}
}
