package config

import (
	"log/slog"
	"time"
)

// Version is the only version of the file format this agent reads.
const Version = 1

// Config is what one configuration file says, defaults filled in.
type Config struct {
	Agent    Agent
	Hub      Hub
	Store    Store
	Commands Commands
	Buses    []Bus
	Sensors  []Sensor // never empty: without any [[sensor]] there is one, named and of source "host", every 60 s
	Outputs  []Output

	origin origin
}

// Agent is the [agent] table.
type Agent struct {
	StateDir string     // folder of the queue and the identity; default /var/lib/fieldpost
	Socket   string     // unix socket for the technician; default /run/fieldpost/agent.sock
	LogLevel slog.Level // least level that is logged; default info
}

// Hub is the [hub] table.
type Hub struct {
	ConnectionStringFile string // file with the device's connection string; empty = no hub: sampling and queueing only
	CAFile               string // PEM file of the authorities to trust instead of the system's; empty = the system's
	Address              string // host:port to dial instead of the connection string's host and 5671; empty = that
}

// Store is the [store] table.
type Store struct {
	Preset      string        // kind of disk: "sd", "emmc" or "ssd"; default "sd"
	MaxBytes    Size          // largest queue on disk, in bytes; default 64 MiB
	CommitEvery time.Duration // longest time telemetry stays in memory only; default by preset: sd 30 s, emmc 10 s, ssd 5 s
}

// Commands is the [commands] table.
type Commands struct {
	Hold  time.Duration // how long a busy device holds a command before it gives it back; default 45 s
	Allow []string      // names of the commands that may run; default ping, sensor.read, queue.flush
}

// Bus is one [[bus]].
type Bus struct {
	Name   string
	Device string // "/dev/i2c-1"
}

// Sensor is one [[sensor]].
type Sensor struct {
	Name    string
	Source  string        // one of Sources
	Bus     string        // name of a Bus; empty when the source has none
	Address uint16        // on that bus, 7 bits; 0 when the source has no bus
	Every   time.Duration // time between two samples; default 10 s
}

// Output is one [[output]].
type Output struct {
	Name    string
	Line    string // as the board names it: "GPIO17"
	Initial bool   // level set at start; default false
	Safe    bool   // level set when the agent stops; default false
}

// Default returns the configuration of a file that says nothing but its version.
func Default() *Config {
	c, _ := Parse("", []byte("version = 1\n"))
	return c
}

// origin remembers where keys stood, for problems that are found later.
type origin struct {
	file  string
	lines map[string]int // by path; list items by "commands.allow[2]"
}
