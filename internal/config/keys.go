package config

import "time"

// section is one table of the file, or one kind of a list of tables.
type section struct {
	name string // "" is the top of the file
	many bool   // [[name]], any number of them
	help string
	keys []key
}

// key is one setting. Its type is that of the field it is stored in.
type key struct {
	name     string
	help     string
	value    string // default, as TOML; empty = none
	example  string // as TOML, for the printed file; empty = the default
	required bool
	field    func(*target) any // pointer to where the value goes
	min, max int64             // bounds of integers, sizes (bytes) and durations (ns), unless both are 0
	oneOf    []string          // texts that are allowed; nil = any
	repeats  bool              // a list may hold the same text twice
	some     bool              // for some sources or buses only
	path     bool              // a file's path: a relative one starts at the folder of the configuration
	valid    func(string) (problem, hint string)
}

// target is what the keys of one table write into: the Config and, in a list of
// tables, the item in hand.
type target struct {
	*Config
	version int64
	bus     *Bus
	sensor  *Sensor
	value   *SensorValue
	output  *Output
}

// sections is the table of all keys, in the order of the printed file. The
// tables before the first list are always checked, present or not.
func sections() []section {
	return []section{
		{
			keys: []key{
				{name: "version", value: "", example: "1", required: true,
					help:  "Version of this file's format.",
					field: func(t *target) any { return &t.version }},
			},
		},
		{
			name: "agent",
			help: "The program itself.",
			keys: []key{
				{name: "state_dir", value: `"/var/lib/fieldpost"`, path: true, valid: noSecret,
					help:  "Folder of the queue and of the agent's identity, on a disk that survives a restart.",
					field: func(t *target) any { return &t.Agent.StateDir }},
				{name: "socket", value: `"/run/fieldpost/agent.sock"`, path: true, valid: noSecret,
					help:  "Unix socket that agent status and its like ask.",
					field: func(t *target) any { return &t.Agent.Socket }},
				{name: "log_level", value: `"info"`, oneOf: LogLevels(),
					help:  "Least level that is logged.",
					field: func(t *target) any { return &t.Agent.LogLevel }},
			},
		},
		{
			name: "board",
			help: "The gateway's own hardware.",
			keys: []key{
				{name: "led", example: `"ACT"`, valid: lightName,
					help:  "Light that shows the first broken part, by docs/OPERATING.md: a folder of /sys/class/leds, or an output line. Default: none.",
					field: func(t *target) any { return &t.Board.LED }},
				{name: "watchdog", example: `"/dev/watchdog"`, path: true, valid: noSecret,
					help:  "Device that resets the board when the agent does not come round any more. Only one program may have it: not systemd too (RuntimeWatchdogSec). Default: none.",
					field: func(t *target) any { return &t.Board.Watchdog }},
				{name: "watchdog_timeout", value: `"15s"`, min: int64(2 * time.Second), max: int64(10 * time.Minute),
					help:  "How long that device waits to be fed; that of a Raspberry Pi waits 15s at most.",
					field: func(t *target) any { return &t.Board.WatchdogTimeout }},
				{name: "stall_after", value: `"5m"`, min: int64(time.Minute), max: int64(time.Hour),
					help:  "How late sampling, writing or the link may come round before this watchdog, and that of systemd, are fed no more. What waits on purpose, and a bus that hangs, is not late.",
					field: func(t *target) any { return &t.Board.StallAfter }},
			},
		},
		{
			name: "hub",
			help: "The Azure IoT hub. Without a connection string the agent samples and queues, and sends nothing.",
			keys: []key{
				{name: "connection_string_file", example: `"/etc/fieldpost/connection-string"`, path: true, valid: secretFile,
					help:  "File with the device's connection string, readable by the agent only (mode 0600).",
					field: func(t *target) any { return &t.Hub.ConnectionStringFile }},
				{name: "ca_file", example: `"/etc/fieldpost/hub-ca.pem"`, path: true, valid: secretFile,
					help:  "PEM file of the certificate authorities to trust instead of the system's.",
					field: func(t *target) any { return &t.Hub.CAFile }},
				{name: "address", example: `"192.0.2.10:5671"`, valid: hostPort,
					help:  "Dial here instead of the host in the connection string, whose certificate is wanted all the same.",
					field: func(t *target) any { return &t.Hub.Address }},
				{name: "clock_wait", value: `"30s"`, min: 0, max: int64(10 * time.Minute),
					help:  "How long after boot the first attempt waits for NTP to set the clock; sampling goes on. Later it goes by the best it knows.",
					field: func(t *target) any { return &t.Hub.ClockWait }},
				{name: "transport", value: `"auto"`, oneOf: Transports(),
					help:  "AMQP over TLS on port 5671, the same over WebSocket on port 443, or whichever works.",
					field: func(t *target) any { return &t.Hub.Transport }},
				{name: "proxy", example: `"http://proxy.example:3128"`, valid: proxyURL,
					help:  "HTTP proxy on the way, or environment for what HTTPS_PROXY and NO_PROXY say.",
					field: func(t *target) any { return &t.Hub.Proxy }},
				{name: "proxy_credentials_file", example: `"/etc/fieldpost/proxy-credentials"`, path: true, valid: secretFile,
					help:  "File with one line user:password for the proxy (mode 0600).",
					field: func(t *target) any { return &t.Hub.ProxyCredentialsFile }},
				{name: "sas", value: `"cbs"`, oneOf: SASDoors(),
					help:  "Where a token is shown: cbs renews it in place, plain makes another connection for each, every 48 minutes.",
					field: func(t *target) any { return &t.Hub.SAS }},
				{name: "sas_token_file", example: `"/etc/fieldpost/sas-token"`, path: true, valid: secretFile,
					help:  "File with a SharedAccessSignature made elsewhere, in place of the key in the connection string (mode 0600). Another one is used as soon as it is there.",
					field: func(t *target) any { return &t.Hub.SASTokenFile }},
				{name: "certificate_file", example: `"/etc/fieldpost/device.pem"`, path: true, valid: secretFile,
					help:  "PEM file of the device's certificate, and the chain behind it, in place of a key or a token. Another one is used as soon as it is there.",
					field: func(t *target) any { return &t.Hub.CertificateFile }},
				{name: "key_file", example: `"/etc/fieldpost/device-key.pem"`, path: true, valid: secretFile,
					help:  "PEM file of its private key, without a passphrase (mode 0600).",
					field: func(t *target) any { return &t.Hub.KeyFile }},
			},
		},
		{
			name: "store",
			help: "The queue on disk.",
			keys: []key{
				{name: "preset", value: `"sd"`, oneOf: Presets(),
					help:  "Kind of disk. It sets commit_every, which is 30s for sd, 10s for emmc and 5s for ssd, and daily_writes.",
					field: func(t *target) any { return &t.Store.Preset }},
				{name: "max_bytes", example: `"64MiB"`, min: 4 << 20, max: 512 << 20,
					help:  "Largest queue; beyond it the overflow keys say what goes. Default 64MiB, or a quarter of what is free.",
					field: func(t *target) any { return &t.Store.MaxBytes }},
				{name: "reserve", example: `"1MiB"`, min: 64 << 10, max: 64 << 20,
					help:  "Part of max_bytes that telemetry leaves to alarms, results and the command journal. Default 1MiB, or an eighth of max_bytes.",
					field: func(t *target) any { return &t.Store.Reserve }},
				{name: "headroom", value: `"16MiB"`, min: 1 << 20, max: 1 << 40,
					help:  "Space left free on the file system, for everybody else.",
					field: func(t *target) any { return &t.Store.Headroom }},
				{name: "commit_every", example: `"30s"`, min: int64(100 * time.Millisecond), max: int64(10 * time.Minute),
					help:  "Longest time telemetry stays in memory only: what a power cut may cost. Default by preset.",
					field: func(t *target) any { return &t.Store.CommitEvery }},
				{name: "daily_writes", example: `"128MiB"`, min: 1 << 20, max: 1 << 40,
					help:  "Writes a day that the disk is to be given at most, as the agent estimates them; near it commit_every is stretched, and status says so. Default by preset.",
					field: func(t *target) any { return &t.Store.DailyWrites }},
				{name: "max_age", example: `"720h"`, min: int64(time.Minute), max: int64(10 * 365 * 24 * time.Hour),
					help:  "Telemetry older than this is given up, and counted; only time with power counts. Default: no limit.",
					field: func(t *target) any { return &t.Store.MaxAge }},
				{name: "overflow_alarm", value: `"drop-oldest"`, oneOf: Overflows(),
					help:  "What happens to alarms and events when there is no room. Whatever goes is counted.",
					field: func(t *target) any { return &t.Store.OverflowAlarm }},
				{name: "overflow_result", value: `"drop-oldest"`, oneOf: Overflows(),
					help:  "The same for the results of commands.",
					field: func(t *target) any { return &t.Store.OverflowResult }},
				{name: "overflow_telemetry", value: `"drop-oldest"`, oneOf: Overflows(),
					help:  "The same for readings: thin-out keeps one in keep_one_in of the oldest, so that a long outage loses detail before it loses days.",
					field: func(t *target) any { return &t.Store.OverflowTelemetry }},
				{name: "overflow_debug", value: `"drop-oldest"`, oneOf: Overflows(),
					help:  "The same for debug records, which are in memory only.",
					field: func(t *target) any { return &t.Store.OverflowDebug }},
				{name: "keep_one_in", value: "4", min: 2, max: 1000,
					help:  "Of how many records thin-out keeps one.",
					field: func(t *target) any { return &t.Store.KeepOneIn }},
			},
		},
		{
			name: "uplink",
			help: "How records are sent. Alarms and events go first, then results of commands, then readings.",
			keys: []key{
				{name: "order", value: `"backlog-first"`, oneOf: Orders(),
					help:  "What goes first among records of a kind after an outage; both keep their order.",
					field: func(t *target) any { return &t.Uplink.Order }},
				{name: "window", value: "64", min: 1, max: 1000,
					help:  "Transfers on their way at most: on a long way, more of them send more. Fewer are where the hub answers late or asks for less.",
					field: func(t *target) any { return &t.Uplink.Window }},
				{name: "window_bytes", value: `"1MiB"`, min: 16 << 10, max: 16 << 20,
					help:  "Size of these at most.",
					field: func(t *target) any { return &t.Uplink.WindowBytes }},
				{name: "batch_records", value: "500", min: 1, max: 1000,
					help:  "When 8 or more records wait, so many at most share one transfer of up to 255 KiB, and its outcome; 1 sends each alone.",
					field: func(t *target) any { return &t.Uplink.BatchRecords }},
				{name: "rate", example: "50", min: 1, max: 100_000,
					help:  "Records a second at most, resent ones included. Default: no cap.",
					field: func(t *target) any { return &t.Uplink.Rate }},
				{name: "daily_bytes", example: `"50MB"`, min: 100_000, max: 1 << 40,
					help:  "What may be sent in a day of UTC, for links that are paid by volume. When it is used up alarms, events and results go on, and readings wait for the next day; status says so. Default: no end.",
					field: func(t *target) any { return &t.Uplink.DailyBytes }},
				{name: "daily_count", value: `"wire"`, oneOf: Counts(),
					help:  "How daily_bytes is counted: wire is what is sent with an estimate of its framing, and not the upkeep of the connection; hub is steps of 4 KiB for each message, as IoT hubs meter.",
					field: func(t *target) any { return &t.Uplink.DailyCount }},
				{name: "pack", value: "false",
					help:  "Readings that wait share one message, a JSON array of objects with id, time, sensor, values and quality: twenty readings of 200 bytes are then metered as one message. Receivers must know the form.",
					field: func(t *target) any { return &t.Uplink.Pack }},
				{name: "pack_wait", example: `"1m"`, min: int64(time.Second), max: int64(time.Hour),
					help:  "How long a reading waits for others to share its message. Longer than store.commit_every it is written to the disk meanwhile. Default: it does not wait, and packs are sent only after an outage.",
					field: func(t *target) any { return &t.Uplink.PackWait }},
				{name: "gzip", value: "false",
					help:  "Bodies of 1 KiB and more are compressed where that saves a tenth, with content-encoding gzip. The hub's routing cannot look into such a body.",
					field: func(t *target) any { return &t.Uplink.Gzip }},
			},
		},
		{
			name: "commands",
			help: "Commands. Each door by which they come has its own list of those that may run there; whatever is in none is refused. " +
				"\"agent commands help\" tells what there is.",
			keys: []key{
				{name: "hold", value: `"45s"`, min: int64(time.Second), max: int64(50 * time.Second),
					help:  "How long a busy device holds a command before it gives it back to the hub, whose lock lasts 60 s.",
					field: func(t *target) any { return &t.Commands.Hold }},
				{name: "allow", value: `["ping", "sensor.read", "queue.flush"]`, valid: commandName,
					help:  "Names of the commands that may run when they come as cloud-to-device messages.",
					field: func(t *target) any { return &t.Commands.Allow }},
				{name: "allow_methods", value: `["ping", "sensor.read", "queue.flush"]`, valid: commandName,
					help:  "The same for direct methods. With an empty list the agent does not listen for methods.",
					field: func(t *target) any { return &t.Commands.AllowMethods }},
				{name: "allow_local", value: `["ping", "sensor.read", "queue.flush"]`, valid: commandName,
					help:  "The same for agent commands run, which root and the agent's own user may use.",
					field: func(t *target) any { return &t.Commands.AllowLocal }},
				{name: "answer_within", value: `"25s"`, min: int64(3 * time.Second), max: int64(300 * time.Second),
					help:  "A direct method is answered within this, by 504 at the end. Callers wait 30 s unless they say otherwise.",
					field: func(t *target) any { return &t.Commands.AnswerWithin }},
				{name: "feedback_link", value: "false",
					help: "Send the feedback on commands on a link to /messages/serviceBound/feedback too, where the hub lets the device. " +
						"Azure makes feedback from the settlement and refuses the link; then the agent goes on without it.",
					field: func(t *target) any { return &t.Commands.FeedbackLink }},
			},
		},
		{
			name: "bus", many: true,
			help: "A bus that sensors are on, any number of times.",
			keys: []key{
				{name: "name", example: `"i2c1"`, required: true, valid: itemName,
					help:  "Name that sensors refer to: " + nameRule + ".",
					field: func(t *target) any { return &t.bus.Name }},
				{name: "device", example: `"/dev/i2c-1"`, required: true, valid: notEmpty,
					help:  "The adapter's device file.",
					field: func(t *target) any { return &t.bus.Device }},
				{name: "kind", value: `"i2c"`, oneOf: BusKinds(),
					help:  "I2C with any number of parts, or spi: a port of the kernel's spidev with one part.",
					field: func(t *target) any { return &t.bus.Kind }},
				{name: "speed", value: "1000000", some: true, min: 10_000, max: 10_000_000,
					help:  "Of spi, in Hz at most; that of I2C is the kernel's affair.",
					field: func(t *target) any { return &t.bus.Speed }},
			},
		},
		{
			name: "sensor", many: true,
			help: "A sensor, any number of times. Without any there is one: named and of source host, every 60s.",
			keys: []key{
				{name: "name", example: `"outdoor"`, required: true, valid: itemName,
					help:  "Name in messages and listings: " + nameRule + ".",
					field: func(t *target) any { return &t.sensor.Name }},
				{name: "source", example: `"bme280"`, required: true, oneOf: sourceNames(),
					help:  "What is asked; docs/SENSORS.md tells of each.",
					field: func(t *target) any { return &t.sensor.Source }},
				{name: "bus", example: `"i2c1"`, valid: notEmpty,
					help:  "Name of a [[bus]]; required for a source on a bus, out of place for another.",
					field: func(t *target) any { return &t.sensor.Bus }},
				{name: "address", example: "0x76", min: 0x08, max: 0x77,
					help:  "Address on the bus, 7 bits. Default: the first of those where its source may be.",
					field: func(t *target) any { return &t.sensor.Address }},
				{name: "every", value: `"10s"`, min: int64(100 * time.Millisecond), max: int64(24 * time.Hour),
					help:  "Time between two samples.",
					field: func(t *target) any { return &t.sensor.Every }},
				{name: "align", value: "false",
					help:  "Samples are taken when the wall clock shows a multiple of every, in UTC: with 10m at :00, :10 and so on. The first is taken at once, and a clock that steps moves the next one.",
					field: func(t *target) any { return &t.sensor.Align }},
				{name: "jitter", value: `"0s"`, min: 0, max: int64(12 * time.Hour),
					help:  "A sample is taken at random up to so long after its time, so that many sensors or gateways do not all ask at once. At most half of every.",
					field: func(t *target) any { return &t.sensor.Jitter }},
				{name: "device", example: `"bme280"`, some: true, valid: notEmpty,
					help:  "Which one: the name of a chip, with what it sits on where there are several of that name (tmp105_1_0048); the id of a part on a 1-wire bus.",
					field: func(t *target) any { return &t.sensor.Device }},
				{name: "resolution", example: "12", some: true, min: 9, max: 12,
					help:  "Bits, 9 to 12: with each less the part takes half the time. It is not written to the part's EEPROM. Only with a bus. Default: as the part has it.",
					field: func(t *target) any { return &t.sensor.Bits }},
				{name: "line", example: `"GPIO5"`, some: true, valid: notEmpty,
					help:  "The line, as the board names it.",
					field: func(t *target) any { return &t.sensor.Line }},
				{name: "pull", example: `"up"`, some: true, oneOf: Pulls(),
					help:  "Resistor that the chip puts on the line: up, down or none. Default: as the line is.",
					field: func(t *target) any { return &t.sensor.Pull }},
				{name: "active_low", example: "true", some: true,
					help:  "A low level is on. Default: false.",
					field: func(t *target) any { return &t.sensor.ActiveLow }},
				{name: "debounce", example: `"20ms"`, some: true, min: int64(time.Millisecond), max: int64(time.Second),
					help:  "Changes that do not last so long are left out. Default: none are.",
					field: func(t *target) any { return &t.sensor.Debounce }},
				{name: "program", example: `["/usr/local/bin/read-meter", "--json"]`, some: true, repeats: true, valid: notEmpty,
					help:  "Path of the program, and its arguments.",
					field: func(t *target) any { return &t.sensor.Program }},
				{name: "timeout", example: `"3s"`, some: true, min: int64(100 * time.Millisecond), max: int64(4 * time.Second),
					help:  "How long one run may take. Default: 3s.",
					field: func(t *target) any { return &t.sensor.Timeout }},
				{name: "shunt", example: "0.1", some: true,
					help:  "Resistance of the shunt, in ohms. Default: 0.1.",
					field: func(t *target) any { return &t.sensor.Shunt }},
			},
		},
		{
			name: "sensor.value", many: true,
			help: "What is known of one value of the sensor above, any number of times.",
			keys: []key{
				{name: "name", example: `"temperature"`, required: true, valid: itemName,
					help:  "The value, as its source calls it.",
					field: func(t *target) any { return &t.value.Name }},
				{name: "channel", example: `"0"`, some: true,
					help:  "Of a source with channels: the input, or the difference of two. The name of the value is free then.",
					field: func(t *target) any { return &t.value.Channel }},
				{name: "range", example: "4.096", some: true,
					help:  "Of such a value: the largest voltage to expect, in V, at most 6.144. Default: 4.096.",
					field: func(t *target) any { return &t.value.Range }},
				{name: "unit", example: `"bar"`, some: true, valid: notEmpty,
					help:  "Of such a value: its unit after the calibration, in UCUM. Default: V.",
					field: func(t *target) any { return &t.value.Unit }},
				{name: "offset", value: "0",
					help:  "Added to what the part says, in the unit of the value: its calibration.",
					field: func(t *target) any { return &t.value.Offset }},
				{name: "gain", value: "1",
					help:  "What the part says is multiplied by this first.",
					field: func(t *target) any { return &t.value.Gain }},
				{name: "table", example: "[[0.0, 0.3], [100.0, 99.1]]",
					help:  "Pairs of what the part says and what is, with straight lines between and beyond them, ahead of gain and offset. Default: none.",
					field: func(t *target) any { return &t.value.Table }},
				{name: "min", example: "-30",
					help:  "What is less is sent as suspect, \"unlikely\". Default: no end.",
					field: func(t *target) any { return &t.value.Min }},
				{name: "max", example: "60",
					help:  "What is more is sent as suspect, \"unlikely\". Default: no end.",
					field: func(t *target) any { return &t.value.Max }},
				{name: "max_rate", example: "0.5",
					help:  "What changes by more in a second is sent as suspect, \"jump\", until the next sample bears it out. Default: any.",
					field: func(t *target) any { return &t.value.MaxRate }},
				{name: "stuck_after", example: `"1h"`, min: int64(time.Second), max: int64(30 * 24 * time.Hour),
					help:  "What is the same to the last digit for so long, and eleven samples, is sent as suspect, \"stuck\". Default: by source, mostly never.",
					field: func(t *target) any { return &t.value.StuckAfter }},
				{name: "max_age", example: `"1m"`, min: int64(time.Second), max: int64(30 * 24 * time.Hour),
					help:  "A measurement that its source knows to be older is sent as suspect, \"stale\". Default: any.",
					field: func(t *target) any { return &t.value.MaxAge }},
			},
		},
		{
			name: "output", many: true,
			help: "A line that commands may switch, any number of times, if the commands section allows those for outputs.",
			keys: []key{
				{name: "name", example: `"pump"`, required: true, valid: itemName,
					help:  "Name that commands use: " + nameRule + ".",
					field: func(t *target) any { return &t.output.Name }},
				{name: "line", example: `"GPIO17"`, required: true, valid: notEmpty,
					help:  "The line, as the board names it.",
					field: func(t *target) any { return &t.output.Line }},
				{name: "initial", example: "false",
					help:  "Level at start. Default: that of safe.",
					field: func(t *target) any { return &t.output.Initial }},
				{name: "safe", value: "false",
					help:  "Level when the agent stops, and after safe_after; at start too, unless initial says otherwise.",
					field: func(t *target) any { return &t.output.Safe }},
				{name: "safe_after", example: `"10m"`, min: int64(time.Second), max: int64(24 * time.Hour),
					help:  "When the hub has not been reached for this long, the output is set to safe, once. Default: never.",
					field: func(t *target) any { return &t.output.SafeAfter }},
				{name: "min_on", example: `"30s"`, min: int64(10 * time.Millisecond), max: int64(24 * time.Hour),
					help:  "Least time the output stays on; a command that comes earlier finds it busy. The safe level does not wait. Default: none.",
					field: func(t *target) any { return &t.output.MinOn }},
				{name: "min_off", example: `"3m"`, min: int64(10 * time.Millisecond), max: int64(24 * time.Hour),
					help:  "Least time the output stays off, counted from the start of the agent too. Default: none.",
					field: func(t *target) any { return &t.output.MinOff }},
				{name: "group", example: `"motor"`, valid: itemName,
					help:  "Of all outputs with the same group at most one may be on; a command for a second one is rejected. Default: none.",
					field: func(t *target) any { return &t.output.Group }},
			},
		},
	}
}

// pathOf names a key as problems do: "sensor.every", or "version" at the top.
func pathOf(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}
