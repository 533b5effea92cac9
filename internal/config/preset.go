package config

// Presets lists the kinds of disks, in the order of their patience with writes.
func Presets() []string { return []string{"sd", "emmc", "ssd"} }

// Overflows lists what may happen to a class of records for which there is no room.
func Overflows() []string { return []string{"drop-oldest", "thin-out", "refuse"} }

// Orders lists what goes first within a class of records: what waited, or what
// was just appended.
func Orders() []string { return []string{"backlog-first", "live-first"} }

// Counts lists how a day's bytes are counted: as they travel, or as hubs meter.
func Counts() []string { return []string{"wire", "hub"} }

// LogLevels lists the levels of the log, the loudest first.
func LogLevels() []string { return []string{"debug", "info", "warn", "error"} }
