package agent

import (
	"strings"
	"testing"

	"fieldpost/board/boardsim"
	"fieldpost/internal/config"
	"fieldpost/sensors/catalog"
)

// Every source of the catalog is built in.
func TestOpenersOfAllSources(t *testing.T) {
	for _, s := range catalog.Sources() {
		c, problems := config.Parse("", []byte("version = 1\n[[bus]]\nname = \"i2c1\"\ndevice = \"/dev/i2c-1\"\n"+s.Config("x", "i2c1", 0)))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		a := New(c, Parts{Buses: boardsim.New(boardsim.Options{}), Root: t.TempDir()})
		_, err := a.opener(c.Sensors[0])(t.Context())
		if err != nil && strings.Contains(err.Error(), "not built into") {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}
