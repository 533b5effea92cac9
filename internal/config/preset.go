package config

// Presets lists the kinds of disks, in the order of their patience with writes.
func Presets() []string { return []string{"sd", "emmc", "ssd"} }

// Overflows lists what may happen to a class of records for which there is no room.
func Overflows() []string { return []string{"drop-oldest", "thin-out", "refuse"} }
