package diag

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The profile of memory is one that Go's own tool reads.
func TestProfileIsReadByPprof(t *testing.T) {
	path := serve(t, ServerOptions{})
	for _, name := range []string{"heap", "allocs"} {
		text, err := NewClient(path).raw(t.Context(), "/v1/pprof/"+name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "tool", "pprof", "-symbolize=none", "-raw", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "space/bytes") || !strings.Contains(string(out), "Locations") {
			t.Errorf("%s: %v\n%.600s\n%.600s", name, err, out, text)
		}
	}
	text, err := NewClient(path).raw(t.Context(), "/v1/pprof/goroutine")
	if err != nil || !strings.Contains(string(text), "TestProfileIsReadByPprof") {
		t.Errorf("%v: %.300s", err, text)
	}
}
