package config_test

import (
	"fmt"

	"fieldpost/internal/config"
)

func ExampleParse() {
	_, problems := config.Parse("agent.toml", []byte(`version = 1
[hub]
conection_string_file = "device"
[[sensor]]
name = "outdoor"
source = "bme280"
every = "10"
`))
	for _, p := range problems {
		fmt.Println(p)
		if p.Hint != "" {
			fmt.Println("  hint:", p.Hint)
		}
	}
	// Output:
	// agent.toml:3: hub.conection_string_file: unknown key (nearest: connection_string_file)
	// agent.toml:4: sensor.bus: missing: source bme280 is on a bus
	//   hint: add bus = "..." with the name of a [[bus]]
	// agent.toml:7: sensor.every: "10" is not a duration
	//   hint: a number and one of ms, s, m, h: "10s", "1h30m"
}
