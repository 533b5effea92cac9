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
	Board    Board
	Hub      Hub
	Store    Store
	Uplink   Uplink
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

// Board is the [board] table.
type Board struct {
	Watchdog        string        // device that resets the board unless it is fed; empty = none
	WatchdogTimeout time.Duration // how long it waits; default 15 s
	StallAfter      time.Duration // how late a loop may be before nothing is fed; default 5 min
	LED             string        // light that shows how the agent is: name, folder in /sys, or line; empty = none
}

// Hub is the [hub] table.
type Hub struct {
	ConnectionStringFile string        // file with the device's connection string; empty = no hub: sampling and queueing only
	CAFile               string        // PEM file of the authorities to trust instead of the system's; empty = the system's
	Address              string        // host:port to dial instead of the connection string's host and 5671; empty = that
	ClockWait            time.Duration // since boot, how long the first attempt waits for a clock that is set; default 30 s

	Transport string // one of Transports; default "auto"
	Proxy     string // "http://host:port", ProxyFromEnvironment, or empty = none

	ProxyCredentialsFile string // file with user:password for Proxy; empty = none
	SAS                  string // where a token is shown, one of SASDoors; default "cbs"
	SASTokenFile         string // file with a token made elsewhere, which goes before the key; empty = none
	CertificateFile      string // PEM file of the device's certificate and its chain, which goes before key and token; empty = none
	KeyFile              string // PEM file of the certificate's private key; empty = none
}

// ProxyFromEnvironment as Hub.Proxy means what HTTPS_PROXY and NO_PROXY say.
const ProxyFromEnvironment = "environment"

// Transports are the values of hub.transport.
func Transports() []string { return []string{"auto", "amqp", "websocket"} }

// SASDoors are the values of hub.sas.
func SASDoors() []string { return []string{"cbs", "plain"} }

// Store is the [store] table. What is zero is left to the store, which knows the
// disk: see store.Options.
type Store struct {
	Preset      string        // kind of disk, one of Presets; default "sd"
	MaxBytes    Size          // largest queue on disk, in bytes; 0 = 64 MiB, or a quarter of what is free
	CommitEvery time.Duration // longest time telemetry stays in memory only; 0 = by preset
	DailyWrites Size          // bytes the disk is given a day before CommitEvery is stretched; 0 = by preset
	Reserve     Size          // bytes of MaxBytes that telemetry leaves to the others; 0 = 1 MiB, or an eighth of MaxBytes
	Headroom    Size          // bytes left free on the file system; default 16 MiB
	MaxAge      time.Duration // powered time after which telemetry is given up; 0 = never
	KeepOneIn   int64         // of how many records thin-out keeps one; default 4

	OverflowAlarm, OverflowResult, OverflowTelemetry, OverflowDebug string // one of Overflows; default "drop-oldest"
}

// Uplink is the [uplink] table: how records are sent.
type Uplink struct {
	Order        string        // one of Orders: what goes first within a class; default "backlog-first"
	Window       int64         // transfers on their way at most; default 64
	WindowBytes  Size          // their size at most; default 1 MiB
	BatchRecords int64         // records in a batch at most, 1 = no batches; default 500
	Rate         int64         // records a second at most; 0 = no cap
	DailyBytes   Size          // what may be sent in a day of UTC; 0 = no end
	DailyCount   string        // one of Counts: how DailyBytes is counted; default "wire"
	Pack         bool          // readings that wait share one message; default false
	PackWait     time.Duration // how long a reading waits for others; 0 = never
	Gzip         bool          // large bodies are compressed; default false
}

// Commands is the [commands] table.
type Commands struct {
	Hold         time.Duration // how long a busy device holds a command before it gives it back; default 45 s
	Allow        []string      // names of the commands that may run when they come as messages; default ping, sensor.read, queue.flush
	AllowMethods []string      // the same for direct methods; default the same
	AllowLocal   []string      // the same for the socket; default the same
	AnswerWithin time.Duration // how long a direct method may take until it is answered; default 25 s
	FeedbackLink bool          // send feedback on commands on a link of its own, where the hub has one; default false
}

// Bus is one [[bus]].
type Bus struct {
	Name   string
	Device string // "/dev/i2c-1", "/dev/spidev0.0"
	Kind   string // one of BusKinds; default "i2c"
	Speed  int64  // of SPI, in Hz; default 1 MHz
}

// SPI is the kind of bus that is a port with one part.
const SPI = "spi"

// BusKinds are the values of bus.kind.
func BusKinds() []string { return []string{"i2c", SPI} }

// Sensor is one [[sensor]].
type Sensor struct {
	Name    string
	Source  string        // name of a catalog.Source
	Bus     string        // name of a Bus; empty when the source has none
	Address uint16        // on that bus, 7 bits; 0 when the source has no bus
	Every   time.Duration // time between two samples; default 10 s
	Align   bool          // samples are taken at multiples of Every by the wall clock; default false
	Jitter  time.Duration // at random up to so long later, half of Every at most; default 0

	Device    string        // which of several parts; empty = the only one
	Bits      int64         // resolution of what it measures; 0 = as the part has it
	Line      string        // as the board names it: "GPIO17"; empty = none
	Pull      string        // one of Pulls; empty = as the line is
	ActiveLow bool          // a low level is on; default false
	Debounce  time.Duration // shorter changes are left out; 0 = none

	Program []string      // path and arguments of a program to run
	Timeout time.Duration // of one run; 0 = by source
	Shunt   float64       // of a meter of current, in ohms; 0 = by source

	Values []SensorValue // what is known of single values
}

// Pulls are the values of sensor.pull.
func Pulls() []string { return []string{"up", "down", "none"} }

// SensorValue is one [[sensor.value]].
type SensorValue struct {
	Name   string       // as the source gives it, or as the sensor is to give it where Channel is set
	Offset float64      // added last, in the unit of the value; default 0
	Gain   float64      // default 1
	Table  [][2]float64 // pairs {said, is}; empty = none

	Channel string  // of a source that has channels; empty = it has none
	Unit    string  // of such a value after its calibration, UCUM; empty = V
	Range   float64 // of such a value, in V; 0 = by source

	Min, Max   *float64      // what this place can show; nil = anything
	MaxRate    float64       // largest change in a second; 0 = any
	StuckAfter time.Duration // how long it may stay the same number; 0 = for ever
	MaxAge     time.Duration // how old a measurement may be; 0 = any
}

// Output is one [[output]].
type Output struct {
	Name    string
	Line    string // as the board names it: "GPIO17"
	Initial bool   // level set at start; default false
	Safe    bool   // level set when the agent stops, and after SafeAfter; default false

	SafeAfter time.Duration // without a link for this long, the output is set to Safe; 0 = never
	MinOn     time.Duration // least time between on and off; 0 = none
	MinOff    time.Duration // least time between off and on; 0 = none
	Group     string        // of the outputs with the same one, at most one is on; empty = none
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
