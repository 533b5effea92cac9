package config

import "time"

// presets lists the names of disks in the order of their patience with writes.
func presets() []string { return []string{"sd", "emmc", "ssd"} }

// commitEvery is what a preset stands for.
func commitEvery(preset string) time.Duration {
	switch preset {
	case "ssd":
		return 5 * time.Second
	case "emmc":
		return 10 * time.Second
	default:
		return 30 * time.Second
	}
}
