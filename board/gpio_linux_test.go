package board

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSimulatedChip drives the first line of a chip of the kernel's gpio-sim and
// asks the simulator for its level.
func TestSimulatedChip(t *testing.T) {
	found, _ := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0/value")
	if len(found) == 0 {
		t.Skip("no chip of gpio-sim on this machine")
	}
	level := func() string {
		b, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	chip := filepath.Base(filepath.Dir(filepath.Dir(found[0])))
	o, err := Host().Output("x", chip+":0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if level() != "1" {
		t.Error("the line does not have its initial value")
	}
	if err := o.Set(false); err != nil || level() != "0" {
		t.Errorf("set off: %v, level %s", err, level())
	}
	if _, err := Host().Output("y", chip+":0", false); err == nil {
		t.Error("the line was taken twice")
	}
}
