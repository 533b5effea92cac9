package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "agent.toml")
	if err := os.WriteFile(good, []byte("version = 1\n[agent]\nstate_dir = \"state\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(good)
	if len(problems) > 0 || c.Agent.StateDir != filepath.Join(dir, "state") {
		t.Errorf("got %+v, %v", c, problems)
	}

	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, []byte("version = 1\n"+strings.Repeat("#", MaxFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "no such file",
		dir:                             "cannot be read: is a directory",
		large:                           "larger than 256 KiB",
	} {
		c, problems := Load(path)
		if c != nil || len(problems) != 1 || problems[0].Error() != path+": "+want {
			t.Errorf("%s: got %v, want %q", path, problems, want)
		}
	}
}
