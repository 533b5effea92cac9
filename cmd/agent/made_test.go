package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files that are made from the table of commands")

// described is a command with its flags, and the commands below it.
type described struct {
	command
	flags []*flag.Flag
	below []string // their last words
}

// describeAll asks every command for its flags, which none of them does anything to tell.
func describeAll(t *testing.T) []described {
	t.Helper()
	all := allCommands()
	slices.SortStableFunc(all, func(a, b command) int {
		return cmp.Compare(strings.Fields(a.name)[0], strings.Fields(b.name)[0])
	})
	var found []described
	for _, c := range all {
		d := described{command: c}
		asked := 0
		e := env{out: io.Discard, err: io.Discard, described: func(f *flag.FlagSet) {
			asked++
			if f.Name() != c.name {
				t.Errorf("%q makes the flags of %q", c.name, f.Name())
			}
			f.VisitAll(func(f *flag.Flag) { d.flags = append(d.flags, f) })
		}}
		if code := c.run(t.Context(), e, []string{"--help"}); code != exitOK || asked != 1 {
			t.Errorf("%s --help: exit code %d, flags told %d times", c.name, code, asked)
		}
		for _, other := range all {
			if word, ok := strings.CutPrefix(other.name, c.name+" "); ok && !strings.Contains(word, " ") {
				d.below = append(d.below, word)
			}
		}
		found = append(found, d)
	}
	return found
}

// TestMadeFromCommands holds that the manual page and the completions tell of the
// commands there are: go generate ./cmd/agent writes them anew.
func TestMadeFromCommands(t *testing.T) {
	all := describeAll(t)
	for path, made := range map[string]string{
		"../../deploy/agent.1":         manual(all),
		"../../deploy/completion.bash": bashCompletion(all),
		"../../deploy/completion.zsh":  zshCompletion(all),
		"../../deploy/completion.fish": fishCompletion(all),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, []byte(made)) {
			t.Errorf("%s is not what the commands make of it (%v): go generate ./cmd/agent", path, err)
		}
	}
}

// TestBashCompletes asks a real shell what it would offer.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/agent.toml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"agent chec":                          "check",
		"agent queue dead re":                 "retry",
		"agent queue --json dead sh":          "show",
		"agent queue dead drop --a":           "--all",
		"agent queue peek --js":               "--json",
		"agent check --config " + dir + "/":   dir + "/agent.toml",
		"agent queue peek --class ":           "alarm result telemetry debug",
		"agent log --level w":                 "warn",
		"agent loglevel ":                     "debug info warn error --for --json --socket --help",
		"agent loglevel --for ":               "",
		"agent bundle show " + dir + "/":      dir + "/agent.toml",
		"agent bundle show --f":               "--file",
		"agent sensors read --socket /x --js": "--json",
		"agent nonsense --js":                 "",
	} {
		words := strings.Split(line, " ")
		script := fmt.Sprintf(". ../../deploy/completion.bash; COMP_WORDS=(%s); [ %d = ${#COMP_WORDS[@]} ] || COMP_WORDS+=(''); COMP_CWORD=%d; _fieldpost; printf '%%s\\n' \"${COMPREPLY[*]}\"",
			line, len(words), len(words)-1)
		out, err := exec.CommandContext(t.Context(), bash, "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}
