//go:build linux

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldpost/board"
	"fieldpost/internal/diag"
)

func TestPatternOf(t *testing.T) {
	for broken, want := range map[string]board.Pattern{
		"board": 1, "buses": 2, "sensors": 2, "store": 3, "network": 4, "identity": 5, "hub": 6,
	} {
		var parts []diag.Part
		for _, name := range diag.Order() {
			p := diag.Part{Part: name, State: diag.OK}
			if name == broken {
				p.State = diag.Broken
			}
			parts = append(parts, p)
		}
		var s diag.Status
		s.Judge(parts)
		if got := patternOf(s); got != want {
			t.Errorf("%s broken: pattern %d, want %d", broken, got, want)
		}
	}
	if got := patternOf(diag.Status{OK: true}); got != board.LightGood {
		t.Errorf("all is well: pattern %d", got)
	}
	if got := patternOf(diag.Status{}); got != board.LightStarting {
		t.Errorf("waiting: pattern %d", got)
	}
}

// The light of a running agent shows what is broken, and is given back at the end.
func TestLightShowsTheChain(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/class/leds/ACT")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"trigger": "none [mmc0]", "brightness": "0", "max_brightness": "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.TrimSpace(string(b))
	}
	r := run(t, load(t, "[board]\nled = \"ACT\"\n"+cabinet), Parts{Root: root})
	r.until("light", func() bool { return text("brightness") == "1" && text("trigger") == "none" })
	r.until("the broken part", func() bool { s := r.seen.Load(); return s != nil && patternOf(*s) > 0 })
	if r.Status().Board.Light.Fault != "" {
		t.Errorf("light: %+v", r.Status().Board.Light)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if text("trigger") != "mmc0" || text("brightness") != "0" {
		t.Errorf("left with trigger %q, brightness %q", text("trigger"), text("brightness"))
	}
}

func TestLightThatIsMissingIsShown(t *testing.T) {
	r := run(t, load(t, "[board]\nled = \"ACT\"\n"), Parts{Root: t.TempDir()})
	r.until("the fault", func() bool { return r.Status().Board.Light.Fault != "" })
	if p := part(r.Status(), "board"); p.State != diag.OK || p.Hint == "" || !strings.Contains(p.Reason, "light ACT") {
		t.Errorf("board %+v", p)
	}
}
