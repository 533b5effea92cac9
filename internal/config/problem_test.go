package config

import (
	"fmt"
	"strings"
	"testing"
)

// Each case is a file and all problems it has, "line: key: message", with the
// hint behind a bar.
func TestProblems(t *testing.T) {
	const (
		bus    = "[[bus]]\nname = \"b\"\ndevice = \"/dev/i2c-1\"\n"
		secret = "put the secret into a file of its own, mode 0600, and name that file in hub.connection_string_file"
	)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"version: missing | add version = 1"}},
		{"version two", "version = 2\n", []string{"1: version: is 2, this agent reads version 1"}},
		{"version text", "# x\nversion = \"1\"\n", []string{"2: version: is a text, must be a whole number"}},
		{"version twice", "version = 1\nversion = 1\n", []string{"2: version: already on line 1 | keep one of the two"}},

		{"syntax alone", "versio = 1\n\n[agent\n", []string{"3: not TOML: expected character ]"}},
		{"syntax at the end", "version = 1\n[agent]\nsocket = \"a", []string{"3: not TOML: basic string not terminated by \""}},
		{"duration without quotes", "version = 1\n[[sensor]]\nevery = 10s\n", []string{
			`3: not TOML: expected newline but got U+0073 's' | texts, durations and sizes stand in quotes: every = "10s"`}},
		{"leading zero", "version = 01\n", []string{
			`1: not TOML: expected newline but got U+0031 '1' | texts, durations and sizes stand in quotes: every = "10s"`}},

		{"unknown key, near", "version = 1\n[hub]\nconection_string_file = \"x\"\n", []string{
			"3: hub.conection_string_file: unknown key (nearest: connection_string_file)"}},
		{"unknown key, beginning", "version = 1\n[hub]\nca = \"x\"\nconnection = \"x\"\n", []string{
			"3: hub.ca: unknown key | known here: connection_string_file, ca_file, address, clock_wait, transport, proxy, proxy_credentials_file, sas, sas_token_file, certificate_file, key_file",
			"4: hub.connection: unknown key (nearest: connection_string_file)"}},
		{"unknown key, of another table", "version = 1\nsocket = \"x\"\n[agent]\npreset = \"sd\"\n", []string{
			"2: socket: unknown key (it belongs in [agent])",
			"4: agent.preset: unknown key (it belongs in [store])"}},
		{"unknown key, far", "version = 1\n[agent]\ncolour = \"red\"\n", []string{
			"3: agent.colour: unknown key | known here: state_dir, socket, log_level"}},
		{"unknown key, terrible", "version = 1\n[agent]\n\"\\u001b[31m\" = 1\n\"a.b\" = 1\n", []string{
			`3: agent."\x1b[31m": unknown key | known here: state_dir, socket, log_level`,
			`4: agent."a.b": unknown key | known here: state_dir, socket, log_level`}},
		{"unknown table", "version = 1\n[sensors]\nname = 1\n[[buses]]\n[mqtt]\nx = 1\n", []string{
			"2: sensors: unknown table (nearest: sensor)",
			"4: buses: unknown table (nearest: bus)",
			"5: mqtt: unknown table | known here: version, agent, board, hub, store, uplink, commands, bus, sensor, output"}},
		{"unknown table in a table", "version = 1\n[agent.tls]\nx = 1\n", []string{
			"2: agent.tls: unknown table | known here: state_dir, socket, log_level"}},
		{"uplink", "version = 1\n[uplink]\norder = \"live\"\nwindow = 0\nbatch = 1\nwindow_bytes = \"1KiB\"\nrate = 0\ndaily_bytes = 1\ndaily_count = \"hubs\"\npack = 1\npack_wait = \"1ms\"\n", []string{
			`3: uplink.order: "live" is not one of backlog-first, live-first (nearest: live-first)`,
			"4: uplink.window: 0 is out of range: 1 to 1000",
			"5: uplink.batch: unknown key (nearest: batch_records)",
			"6: uplink.window_bytes: 1KiB is out of range: 16KiB to 16MiB",
			"7: uplink.rate: 0 is out of range: 1 to 100000",
			`8: uplink.daily_bytes: is a whole number, must be a size in quotes, such as "64MiB"`,
			`9: uplink.daily_count: "hubs" is not one of wire, hub (nearest: hub)`,
			"10: uplink.pack: is a whole number, must be true or false",
			"11: uplink.pack_wait: 1ms is out of range: 1s to 1h"}},
		{"jitter", "version = 1\n[[sensor]]\nname = \"a\"\nsource = \"host\"\nevery = \"10s\"\nalign = true\njitter = \"6s\"\n", []string{
			"7: sensor.jitter: is more than half of every, which is 10s"}},
		{"pack_wait alone", "version = 1\n[uplink]\npack_wait = \"1m\"\n", []string{
			"3: uplink.pack_wait: out of place without pack | add pack = true, or remove the line"}},
		{"as 16 bits", "v\x00e\x00r\x00s\x00i\x00o\x00n\x00 \x00=\x00 \x001\x00\n\x00", []string{
			"is UTF-16 | save it as UTF-8"}},
		{"secret in the file", "version = 1\n[hub]\nconnection_string = \"HostName=h;SharedAccessKey=c2VjcmV0\"\n", []string{
			"3: hub.connection_string: unknown key (nearest: connection_string_file) | " + secret}},
		{"secret for a path", "version = 1\n[hub]\nconnection_string_file = \"HostName=h;SharedAccessKey=c2VjcmV0\"\n", []string{
			"3: hub.connection_string_file: holds a secret where the name of a file belongs | " + secret}},
		{"key for a path", "version = 1\n[hub]\nconnection_string_file = \"c2VjcmV0c2VjcmV0c2VjcmV0cw==\"\n", []string{
			"3: hub.connection_string_file: holds a secret where the name of a file belongs | " + secret}},
		{"key without its end for a path", "version = 1\n[agent]\nstate_dir = \"Yc2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\"\n", []string{
			"3: agent.state_dir: holds a secret where the name of a file belongs | " + secret}},
		{"private key for a path", "version = 1\n[hub]\ncertificate_file = \"c\"\nkey_file = \"\"\"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n\"\"\"\n", []string{
			"4: hub.key_file: holds a secret where the name of a file belongs | " + secret}},
		{"login for a path", "version = 1\n[hub]\nproxy = \"http://p:1\"\nproxy_credentials_file = \"gw:s/e:cret\"\n", []string{
			"4: hub.proxy_credentials_file: may hold a secret where the name of a file belongs | put the secret into a file of its own, mode 0600, and name that file here; a name with a colon begins with ./"}},
		{"key that begins like a path", "version = 1\n[hub]\nconnection_string_file = \"/yrI6pJZEefLeRhWZqf2uf30BZO6ipzt572xolmJ194=\"\n", []string{
			"3: hub.connection_string_file: holds a secret where the name of a file belongs | " + secret}},
		{"paths that look like secrets", "version = 1\n[agent]\nstate_dir = \"/Var/Lib/abcdefghijklmnopqrstuvwxyz0123456789/x\"\n" +
			"[hub]\nconnection_string_file = \"./gw:s\"\nca_file = \"/a:b\"\nsas_token_file = \"the_token_of_this_gateway_in_the_north_hall_2\"\n", nil},
		{"URL with a password elsewhere", "version = 1\n[hub]\ntransport = \"http://gw:secret@proxy:3128\"\n", []string{
			"3: hub.transport: the value is not one of auto, amqp, websocket"}},
		{"secret as a key", "version = 1\n\"SharedAccessKey=c2VjcmV0\" = 1\n[\"c2VjcmV0c2VjcmV0c2VjcmV0cw==\"]\n", []string{
			"2: (not shown): unknown key | known here: version, agent, board, hub, store, uplink, commands, bus, sensor, output",
			"3: (not shown): unknown table | known here: version, agent, board, hub, store, uplink, commands, bus, sensor, output"}},
		{"secret elsewhere", "version = 1\n[store]\npreset = \"SharedAccessKey=c2VjcmV0\"\n", []string{
			"3: store.preset: the value is not one of sd, emmc, ssd"}},

		{"certificate alone", "version = 1\n[hub]\ncertificate_file = \"a\"\n", []string{
			"3: hub.certificate_file: has no private key | set hub.key_file too; it may name the same file"}},
		{"key alone", "version = 1\n[hub]\nkey_file = \"a\"\n", []string{
			"3: hub.key_file: has no certificate | set hub.certificate_file too"}},
		{"proxy credentials without a proxy", "version = 1\n[hub]\nproxy_credentials_file = \"a\"\n", []string{
			"3: hub.proxy_credentials_file: out of place: there is no proxy | set hub.proxy too"}},
		{"proxy credentials beside those of the environment", "version = 1\n[hub]\nproxy = \"environment\"\nproxy_credentials_file = \"a\"\n", []string{
			"4: hub.proxy_credentials_file: out of place: the environment names user and password with the proxy | name the proxy in hub.proxy"}},
		{"password in the proxy", "version = 1\n[hub]\nproxy = \"http://user:c2VjcmV0@proxy:3128\"\n", []string{
			"3: hub.proxy: holds a user name | put user:password into a file of its own, mode 0600, and name that file in hub.proxy_credentials_file"}},
		{"password in a bad proxy", "version = 1\n[hub]\nproxy = \"user:c2VjcmV0%@proxy\"\n", []string{
			"3: hub.proxy: holds a user name | put user:password into a file of its own, mode 0600, and name that file in hub.proxy_credentials_file"}},
		{"proxy over TLS", "version = 1\n[hub]\nproxy = \"https://proxy:3128\"\n", []string{
			`3: hub.proxy: a proxy is spoken to in clear text only, with http | what passes through it is encrypted from here to the hub`}},
		{"proxy without a port", "version = 1\n[hub]\nproxy = \"http://proxy\"\n", []string{
			`3: hub.proxy: is not http://host:port | or environment`}},
		{"proxy as host and port", "version = 1\n[hub]\nproxy = \"proxy:3128\"\n", []string{
			`3: hub.proxy: is not http://host:port | or environment`}},
		{"transport and door", "version = 1\n[hub]\ntransport = \"websockets\"\nsas = \"sasl\"\n", []string{
			`3: hub.transport: "websockets" is not one of auto, amqp, websocket (nearest: websocket)`,
			`4: hub.sas: "sasl" is not one of cbs, plain`}},

		{"table for a list", "version = 1\n[sensor]\nname = \"x\"\n", []string{
			"2: sensor: is a table, must be a list of tables | write [[sensor]] with double brackets"}},
		{"list for a table", "version = 1\n[[agent]]\n", []string{
			"2: agent: is a list, must be a table | write [agent] once, without double brackets"}},
		{"value for a table", "version = 1\nstore = 5\nbus = 3\nsensor = [1]\n", []string{
			"2: store: is a whole number, must be a table | write [store] once, without double brackets",
			"3: bus: is a whole number, must be a list of tables | write [[bus]] with double brackets",
			"4: sensor: holds a whole number, must be a list of tables"}},
		{"table for a value", "version = 1\n[store.preset]\nx = 1\n", []string{
			"2: store.preset: is a table, must be a text in quotes"}},
		{"table twice", "version = 1\n[store]\n[store]\npreset = 1\n", []string{
			"3: store: already on line 2 | keep one of the two"}},
		{"table and dotted key", "version = 1\nstore = 1\n[store.x]\n", []string{
			"2: store: is a whole number, must be a table | write [store] once, without double brackets",
			"3: store.x: already on line 2 | keep one of the two"}},
		{"list and value", "version = 1\nsensor = []\n[[sensor]]\n", []string{
			"3: sensor: already on line 2 | keep one of the two"}},

		{"wrong types", `version = 1
[agent]
state_dir = true
log_level = 3
[store]
max_bytes = 1000
commit_every = 1.5
[commands]
hold = 1979-05-27
allow = "ping"
[[output]]
name = ["x"]
line = "a"
initial = "yes"
`, []string{
			"3: agent.state_dir: is true or false, must be a text in quotes",
			"4: agent.log_level: is a whole number, must be a text in quotes",
			`6: store.max_bytes: is a whole number, must be a size in quotes, such as "64MiB"`,
			`7: store.commit_every: is a number with a fraction, must be a duration in quotes, such as "10s"`,
			`9: commands.hold: is a date or time, must be a duration in quotes, such as "10s"`,
			"10: commands.allow: is a text, must be a list of texts",
			"12: output.name: is a list, must be a text in quotes",
			"14: output.initial: is a text, must be true or false"}},
		{"bad values", `version = 1
[agent]
state_dir = ""
socket = "a\u0000b"
log_level = "warning"
[hub]
address = "hub.example"
[store]
max_bytes = "64"
commit_every = "10"
`, []string{
			`3: agent.state_dir: "" is not a path`,
			`4: agent.socket: "a\x00b" is not a path`,
			`5: agent.log_level: "warning" is not one of debug, info, warn, error (nearest: warn)`,
			`7: hub.address: is not host:port | such as 192.0.2.10:5671`,
			`9: store.max_bytes: "64" is not a size | a number and one of B, kB, MB, GB, KiB, MiB, GiB: "64MiB"`,
			`10: store.commit_every: "10" is not a duration | a number and one of ms, s, m, h: "10s", "1h30m"`}},
		{"out of range", `version = 1
[store]
max_bytes = "1MiB"
commit_every = "11m"
[commands]
hold = "-1s"
[[sensor]]
name = "a"
source = "simulated"
every = "25h"
`, []string{
			"3: store.max_bytes: 1MiB is out of range: 4MiB to 512MiB",
			"4: store.commit_every: 11m is out of range: 100ms to 10m",
			"6: commands.hold: -1s is out of range: 1s to 50s",
			"10: sensor.every: 25h is out of range: 100ms to 24h"}},
		{"store", `version = 1
[store]
preset = "SSD"
reserve = "3MiB"
max_bytes = "4MiB"
headroom = "0B"
daily_writes = "-1MiB"
max_age = "10s"
overflow = "thin-out"
overflow_telemetry = "thin_out"
overflow_debug = "block"
keep_one_in = 1
dialy_writes = "1MiB"
`, []string{
			`3: store.preset: "SSD" is not one of sd, emmc, ssd (nearest: ssd)`,
			"4: store.reserve: 3MiB is more than half of max_bytes, which is 4MiB",
			"6: store.headroom: 0B is out of range: 1MiB to 1024GiB",
			`7: store.daily_writes: "-1MiB" is not a size | a number and one of B, kB, MB, GB, KiB, MiB, GiB: "64MiB"`,
			"8: store.max_age: 10s is out of range: 1m to 87600h",
			"9: store.overflow: unknown key (nearest: overflow_alarm)",
			`10: store.overflow_telemetry: "thin_out" is not one of drop-oldest, thin-out, refuse (nearest: thin-out)`,
			`11: store.overflow_debug: "block" is not one of drop-oldest, thin-out, refuse`,
			"12: store.keep_one_in: 1 is out of range: 2 to 1000",
			"13: store.dialy_writes: unknown key (nearest: daily_writes)"}},
		{"allow", "version = 1\n[commands]\nallow = [\"ping\",\n\"ping\",\n\"bad name\",\n3]\n", []string{
			`4: commands.allow: "ping" is there twice`,
			`5: commands.allow: "bad name" is not the name of a command`,
			"6: commands.allow: is a whole number, must be a text in quotes"}},

		{"required", "version = 1\n[[bus]]\n[[sensor]]\n[[output]]\n", []string{
			`2: bus.name: missing | add name = "i2c1"`,
			`2: bus.device: missing | add device = "/dev/i2c-1"`,
			`3: sensor.name: missing | add name = "outdoor"`,
			`3: sensor.source: missing | add source = "bme280"`,
			`4: output.name: missing | add name = "pump"`,
			`4: output.line: missing | add line = "GPIO17"`}},
		{"names", "version = 1\n[[sensor]]\nname = \"a b\"\nsource = \"host\"\n[[sensor]]\nname = \"" + strings.Repeat("x", 65) +
			"\"\nsource = \"host\"\n[[sensor]]\nname = \"\"\nsource = \"host\"\n", []string{
			`3: sensor.name: "a b" is not a name | letters, digits, - and _, at most 64`,
			`6: sensor.name: "` + strings.Repeat("x", 60) + `..." is not a name | letters, digits, - and _, at most 64`,
			`9: sensor.name: "" is not a name | letters, digits, - and _, at most 64`}},
		{"names twice", "version = 1\n" + bus + bus + `[[sensor]]
name = "s"
source = "host"
[[sensor]]
name = "s"
source = "host"
[[output]]
name = "o"
line = "GPIO1"
[[output]]
name = "o"
line = "GPIO1"
`, []string{
			`6: bus.name: "b" is taken on line 3`,
			`7: bus.device: "/dev/i2c-1" is taken on line 4`,
			`12: sensor.name: "s" is taken on line 9`,
			`18: output.name: "o" is taken on line 15`,
			`19: output.line: "GPIO1" is taken on line 16`}},
		{"a time for no watchdog", "version = 1\n[board]\nwatchdog_timeout = \"1s\"\nstall_after = \"30s\"\n", []string{
			`3: board.watchdog_timeout: 1s is out of range: 2s to 10m`,
			`3: board.watchdog_timeout: out of place without watchdog | add watchdog = "/dev/watchdog", or remove the line`,
			`4: board.stall_after: 30s is out of range: 1m to 1h`}},
		{"no light", "version = 1\n[board]\nled = \"../x\"\n", []string{
			`3: board.led: "../x" is no LED | such as ACT or /sys/class/leds/ACT, by ls /sys/class/leds; or a line, such as GPIO4`}},
		{"a light on the line of an output", "version = 1\n[board]\nled = \"GPIO4\"\n[[output]]\nname = \"lamp\"\nline = \"GPIO4\"\n", []string{
			`6: output.line: "GPIO4" is taken on line 3`}},
		{"two of a group on", "version = 1\n" + `[[output]]
name = "up"
line = "GPIO1"
group = "motor"
initial = true
safe = true
[[output]]
name = "down"
line = "GPIO2"
group = "motor"
initial = true
[[output]]
name = "lamp"
line = "GPIO3"
safe = true
min_on = "0s"
safe_after = "25h"
group = "a b"
`, []string{
			`12: output.initial: output "up" of group "motor" is on too: at most one of a group may be`,
			`17: output.min_on: 0s is out of range: 10ms to 24h`,
			`18: output.safe_after: 25h is out of range: 1s to 24h`,
			`19: output.group: "a b" is not a name | letters, digits, - and _, at most 64`}},
		{"a group that starts with two on", "version = 1\n" + `[[output]]
name = "up"
line = "GPIO1"
group = "motor"
initial = true
[[output]]
name = "down"
line = "GPIO2"
group = "motor"
safe = true
[[output]]
name = "left"
line = "GPIO3"
group = "turn"
initial = false
safe = true
[[output]]
name = "right"
line = "GPIO4"
group = "turn"
initial = true
`, []string{
			`11: output.initial: output "up" of group "motor" is on too: at most one of a group may be`}},
		{"two of a group safe and on", "version = 1\n" + `[[output]]
name = "up"
line = "GPIO1"
group = "motor"
safe = true
[[output]]
name = "down"
line = "GPIO2"
group = "motor"
safe = true
`, []string{
			`11: output.safe: output "up" of group "motor" is on too: at most one of a group may be`}},
		{"unknown source", "version = 1\n[[sensor]]\nname = \"s\"\nsource = \"bme289\"\nbus = \"x\"\n", []string{
			`4: sensor.source: "bme289" is not one of ` + strings.Join(sourceNames(), ", ") + ` (nearest: bme280)`}},
		{"unknown bus", "version = 1\n" + bus + "[[sensor]]\nname = \"s\"\nsource = \"bme280\"\nbus = \"c\"\n[[sensor]]\nname = \"t\"\nsource = \"bme280\"\nbus = \"spi\"\naddress = 0x77\n", []string{
			`8: sensor.bus: unknown bus "c" | add a [[bus]] with name = "c"`,
			`12: sensor.bus: unknown bus "spi" | add a [[bus]] with name = "spi"`}},
		{"unknown bus, near", "version = 1\n" + strings.Replace(bus, `"b"`, `"i2c1"`, 1) + "[[sensor]]\nname = \"s\"\nsource = \"bme280\"\nbus = \"i2c0\"\n", []string{
			`8: sensor.bus: unknown bus "i2c0" (nearest: i2c1)`}},
		{"bus with a refused name", "version = 1\n[[bus]]\nname = \"i2c 1\"\ndevice = \"x\"\n[[sensor]]\nname = \"s\"\nsource = \"bme280\"\nbus = \"i2c 1\"\n", []string{
			`3: bus.name: "i2c 1" is not a name | letters, digits, - and _, at most 64`}},
		{"no bus", "version = 1\n[[sensor]]\nname = \"s\"\nsource = \"bme280\"\n", []string{
			`2: sensor.bus: missing: source bme280 is on a bus | add bus = "..." with the name of a [[bus]]`}},
		{"bus out of place", "version = 1\n" + bus + "[[sensor]]\nname = \"s\"\nsource = \"host\"\nbus = \"b\"\naddress = 0x76\n", []string{
			"8: sensor.bus: out of place: source host has no bus | remove the line",
			"9: sensor.address: out of place: source host has no bus | remove the line"}},
		{"address", "version = 1\n" + bus + "[[sensor]]\nname = \"s\"\nsource = \"bme280\"\nbus = \"b\"\naddress = 0x40\n[[sensor]]\nname = \"t\"\nsource = \"bme280\"\nbus = \"b\"\naddress = 0x78\n", []string{
			"9: sensor.address: 0x40 is not where a bme280 can be: 0x76 or 0x77",
			"14: sensor.address: 0x78 is out of range: 0x08 to 0x77"}},
		{"thermometers behind a bridge", "version = 1\n" + bus + thermometer("a", "device = \"28-00000000000a\"\n") + thermometer("b", "device = \"28-00000000000b\"\nresolution = 10\n"), nil},
		{"a thermometer twice behind a bridge", "version = 1\n" + bus + thermometer("a", "device = \"28-00000000000a\"\n") + thermometer("b", "device = \"28-00000000000a\"\n") + thermometer("c", ""), []string{
			`13: sensor.address: 0x18 on bus b is taken by sensor "a" on line 5`,
			`18: sensor.address: 0x18 on bus b is taken by sensor "a" on line 5`}},
		{"another part at the address of a bridge", "version = 1\n" + bus + thermometer("a", "device = \"28-00000000000a\"\n") + "[[sensor]]\nname = \"m\"\nsource = \"mcp9808\"\nbus = \"b\"\n", []string{
			`13: sensor.address: 0x18 on bus b is taken by sensor "a" on line 5`}},
		{"thermometer with a wrong number", "version = 1\n" + bus + thermometer("a", "device = \"28-xyz\"\nresolution = 8\n"), []string{
			`9: sensor.device: "28-xyz" is no number of a thermometer | such as 28-0316a2795cff; agent probe lists those there are`,
			`10: sensor.resolution: 8 is out of range: 9 to 12`}},
		{"thermometer of the kernel", "version = 1\n[[sensor]]\nname = \"a\"\nsource = \"ds18b20\"\ndevice = \"28-00000000000a\"\n", nil},
		{"thermometer of the kernel, resolution", "version = 1\n[[sensor]]\nname = \"a\"\nsource = \"ds18b20\"\nresolution = 9\n", []string{
			`5: sensor.resolution: out of place without bus | add the bus, or leave the part to the kernel and remove the line`}},
		{"thermometer of the kernel, address", "version = 1\n[[sensor]]\nname = \"a\"\nsource = \"ds18b20\"\naddress = 0x18\n", []string{
			`5: sensor.address: out of place without bus | add the bus, or leave the part to the kernel and remove the line`}},
		{"part on SPI", "version = 1\n" + port + "[[sensor]]\nname = \"a\"\nsource = \"bme280\"\nbus = \"p\"\n", nil},
		{"address on SPI", "version = 1\n" + port + "[[sensor]]\nname = \"a\"\nsource = \"bme280\"\nbus = \"p\"\naddress = 0x76\n", []string{
			`11: sensor.address: out of place: there are no addresses on SPI | remove the line`}},
		{"two on SPI", "version = 1\n" + port + "[[sensor]]\nname = \"a\"\nsource = \"bme280\"\nbus = \"p\"\n[[sensor]]\nname = \"b\"\nsource = \"bmp280\"\nbus = \"p\"\n", []string{
			`14: sensor.bus: port "p" has sensor "a" on line 7 | a part on SPI has a [[bus]] of its own`}},
		{"not on SPI", "version = 1\n" + port + "[[sensor]]\nname = \"a\"\nsource = \"sht3x\"\nbus = \"p\"\n", []string{
			`10: sensor.bus: source sht3x is not on SPI, and "p" is`}},
		{"kind and speed", "version = 1\n[[bus]]\nname = \"b\"\ndevice = \"/dev/i2c-1\"\nspeed = 100000\n[[bus]]\nname = \"c\"\ndevice = \"x\"\nkind = \"can\"\n", []string{
			`5: bus.speed: out of place: the kernel sets the speed of I2C | remove the line, or add kind = "spi"`,
			`9: bus.kind: "can" is not one of i2c, spi`}},
		{"address twice", "version = 1\n" + bus + strings.Repeat("[[sensor]]\nname = \"s\"\nsource = \"bme280\"\nbus = \"b\"\n", 2), []string{
			`10: sensor.name: "s" is taken on line 6`,
			`12: sensor.address: 0x76 on bus b is taken by sensor "s" on line 5`}},
		{"values", "version = 1\n" + bus + `[[sensor]]
name = "s"
source = "bme280"
bus = "b"
[[sensor.value]]
name = "temperature"
gain = 0
max_rate = -1.0
table = [[1, 2]]
min = 5
max = 4.5
offset = "1"
[[sensor.value]]
name = "temperature"
table = [[2, 1], [1, 2]]
gian = 2
[[sensor.value]]
name = "co2"
table = [[2, 1], 3]
min = nan
[[sensor]]
name = "t"
source = "host"
[[sensor.value]]
name = "tmp105_temp1"
offset = -1
[sensor.values]
`, []string{
			"11: sensor.value.gain: is 0: every value would be the same",
			"12: sensor.value.max_rate: must be more than 0",
			"13: sensor.value.table: a table of one pair says nothing about other numbers",
			"15: sensor.value.max: is less than min",
			"16: sensor.value.offset: is a text, must be a number",
			`18: sensor.value.name: "temperature" is there twice`,
			"19: sensor.value.table: pair 2: 1 does not rise above 2",
			"20: sensor.value.gian: unknown key (nearest: gain)",
			`22: sensor.value.name: "co2" is not what a bme280 gives: temperature, pressure, humidity`,
			"23: sensor.value.table: holds something else than pairs of numbers | such as [[0.0, 0.3], [100.0, 99.1]]",
			`24: sensor.value.min: "nan" is not a number`,
			"31: sensor.values: unknown table (nearest: value)"}},
		{"keys of some sources", "version = 1\n" + bus + `[[sensor]]
name = "s"
source = "bme280"
bus = "b"
shunt = 0.1
[[sensor.value]]
name = "temperature"
channel = "0"
[[sensor]]
name = "t"
source = "ads1115"
bus = "b"
[[sensor]]
name = "u"
source = "ads1115"
bus = "b"
address = 0x49
[[sensor.value]]
name = "level"
[[sensor.value]]
name = "level"
channel = "4"
range = 10
[[sensor]]
name = "v"
source = "ina219"
bus = "b"
shunt = -1
[[sensor]]
name = "w"
source = "command"
bus = "b"
program = ["read", "-v", "-v"]
timeout = "5s"
[[sensor]]
name = "x"
source = "command"
[[sensor]]
line = "GPIO1"
name = "y"
source = "digital"
pull = "high"
[[output]]
name = "o"
line = "GPIO1"
`, []string{
			"9: sensor.shunt: out of place: source bme280 has no shunt | remove the line",
			"12: sensor.value.channel: out of place: source bme280 has no channels | remove the line",
			"13: sensor.value: missing: source ads1115 measures the channels that are named | add a [[sensor.value]] with name and channel",
			`23: sensor.value.channel: missing: source ads1115 has channels | add channel = "0"`,
			`25: sensor.value.name: "level" is there twice`,
			`26: sensor.value.channel: "4" is not one of 0, 1, 2, 3, 0-1, 0-3, 1-3, 2-3`,
			"27: sensor.value.range: 10 is out of range: above 0, at most 6.144",
			"32: sensor.shunt: must be more than 0",
			`36: sensor.bus: out of place: source command has no bus | remove the line`,
			`37: sensor.program: does not begin with the full path of a program | such as ["/usr/local/bin/read-meter"]`,
			"38: sensor.timeout: 5s is out of range: 100ms to 4s",
			`39: sensor.program: missing: source command needs it | add program = ["/usr/local/bin/read-meter", "--json"]`,
			`43: sensor.line: "GPIO1" is taken on line 49`,
			`46: sensor.pull: "high" is not one of up, down, none`}},
		{"huge number", "version = 99999999999999999999\n", []string{
			`1: version: "99999999999999999999" is not a whole number`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Parse("agent.toml", []byte(c.text))
			var got []string
			for _, p := range problems {
				line := p.String()
				if p.Hint != "" {
					line += " | " + p.Hint
				}
				line = strings.TrimPrefix(line, "agent.toml:")
				got = append(got, strings.TrimPrefix(line, " "))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			if strings.Contains(fmt.Sprint(problems), "c2VjcmV0") {
				t.Error("a problem repeats a secret")
			}
		})
	}
}

// thermometer is one behind a bridge, with further lines.
func thermometer(name, lines string) string {
	return "[[sensor]]\nname = \"" + name + "\"\nsource = \"ds18b20\"\nbus = \"b\"\n" + lines
}

// port is a bus with one part.
const port = "[[bus]]\nname = \"p\"\ndevice = \"/dev/spidev0.0\"\nkind = \"spi\"\nspeed = 500000\n"
