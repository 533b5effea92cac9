package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
)

// The configuration of the package has nothing wrong with it but the identity that
// nobody can give in advance; also with the lines that it has commented out.
func TestPackagedConfiguration(t *testing.T) {
	const path = "../../deploy/agent.toml"
	cfg, problems := readConfig(path)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(cfg.Sensors) != 1 || cfg.Sensors[0].Source != "host" {
		t.Errorf("sensors %+v", cfg.Sensors)
	}
	cfg.Agent.StateDir = t.TempDir()
	found := agent.CheckFiles(cfg, clock.Stamp{Trust: clock.TrustSynced})
	if len(found) != 1 || found[0].Key != "hub.connection_string_file" {
		t.Errorf("its files: %v", found)
	}
	if _, err := os.Stat(cfg.Hub.ConnectionStringFile); err == nil {
		t.Errorf("%s is there", cfg.Hub.ConnectionStringFile)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range regexp.MustCompile(`(?:sudo|find them with) ([a-z0-9]+)`).FindAllSubmatch(text, -1) {
		if tool := string(typed[1]); !slices.Contains([]string{"agent", "install", "sudo", "systemctl"}, tool) {
			t.Errorf("%s sends people to %s, which the package does not bring", path, tool)
		}
	}
	all := strings.NewReplacer("\n#[", "\n[", "\n#name", "\nname", "\n#device", "\ndevice", "\n#source", "\nsource",
		"\n#bus", "\nbus", "\n#address", "\naddress", "\n#every", "\nevery").Replace(string(text))
	cfg, problems = config.Parse(path, []byte(all))
	if len(problems) > 0 || len(cfg.Sensors) != 2 || len(cfg.Buses) != 1 {
		t.Errorf("with every line: %v", problems)
	}
}

// What a card of scripts/image.sh runs before it was given anything names no hub, so
// that it says what it waits for.
func TestWaitingConfiguration(t *testing.T) {
	cfg, problems := readConfig("../../deploy/image/waiting.toml")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if cfg.Hub.ConnectionStringFile != "" || len(cfg.Sensors) != 1 || cfg.Sensors[0].Source != "host" || cfg.Board.LED == "" {
		t.Errorf("hub %+v, sensors %+v, light %q", cfg.Hub, cfg.Sensors, cfg.Board.LED)
	}
}
