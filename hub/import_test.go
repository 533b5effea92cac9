package hub_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Another project needs this module's source and nothing else: no proxy, no other
// module. docs/HUB.md has the same lines.
func TestOtherModulesUseTheHub(t *testing.T) {
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/other\n\ngo 1.25.0\n\nrequire fieldpost v0.0.0\n\nreplace fieldpost => " + strconv.Quote(here) + "\n",
		"main.go": `package main

import "fieldpost/hub"

func main() {
	if _, err := hub.New(hub.Options{}); err != nil {
		panic(err)
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=")
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
