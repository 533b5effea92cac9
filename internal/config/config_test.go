package config

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// mustParse fails the test when text is not a configuration without problems.
func mustParse(t *testing.T, name, text string) *Config {
	t.Helper()
	c, problems := Parse(name, []byte(text))
	for _, p := range problems {
		t.Errorf("unexpected problem: %v", p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return c
}

// bare is c without what only problems need.
func bare(c *Config) Config {
	b := *c
	b.origin = origin{}
	return b
}

var defaults = Config{
	Agent:  Agent{StateDir: "/var/lib/fieldpost", Socket: "/run/fieldpost/agent.sock", LogLevel: slog.LevelInfo},
	Board:  Board{WatchdogTimeout: 15 * time.Second, StallAfter: 5 * time.Minute},
	Hub:    Hub{ClockWait: 30 * time.Second, Transport: "auto", SAS: "cbs"},
	Store:  store(nil),
	Uplink: Uplink{Order: "backlog-first", Window: 64, WindowBytes: 1 << 20, BatchRecords: 500, DailyCount: "wire"},
	Commands: Commands{
		Hold:         45 * time.Second,
		Allow:        []string{"ping", "sensor.read", "queue.flush"},
		AllowMethods: []string{"ping", "sensor.read", "queue.flush"},
		AllowLocal:   []string{"ping", "sensor.read", "queue.flush"},
		AnswerWithin: 25 * time.Second,
	},
	Sensors: []Sensor{{Name: "host", Source: "host", Every: time.Minute}},
}

// store returns the defaults of [store] with a change.
func store(change func(*Store)) Store {
	s := Store{Preset: "sd", Headroom: 16 << 20, KeepOneIn: 4,
		OverflowAlarm: "drop-oldest", OverflowResult: "drop-oldest", OverflowTelemetry: "drop-oldest", OverflowDebug: "drop-oldest"}
	if change != nil {
		change(&s)
	}
	return s
}

func TestVersionAloneIsEnough(t *testing.T) {
	c := mustParse(t, "agent.toml", "version = 1\n")
	if got := bare(c); !reflect.DeepEqual(got, defaults) {
		t.Errorf("got  %+v\nwant %+v", got, defaults)
	}
	if got := bare(Default()); !reflect.DeepEqual(got, defaults) {
		t.Errorf("Default: got  %+v\nwant %+v", got, defaults)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	c := mustParse(t, "/etc/fieldpost/agent.toml", "\xef\xbb\xbf"+strings.ReplaceAll(`
version = 1
[agent]
state_dir = "state"
socket = "/tmp/a.sock"
log_level = "debug"
[board]
led = "ACT"
watchdog = "/dev/watchdog0"
watchdog_timeout = "10s"
stall_after = "2m"
[hub]
connection_string_file = "../secret/device"
ca_file = "/ca.pem"
address = "[2001:db8::1]:5671"
clock_wait = "0s"
transport = "websocket"
proxy = "http://[2001:db8::2]:3128"
proxy_credentials_file = "proxy"
sas = "plain"
sas_token_file = "token"
certificate_file = "cert.pem"
key_file = "key.pem"
[store]
preset = "ssd"
max_bytes = "10 MB"
reserve = "128KiB"
headroom = "1GiB"
commit_every = "1m"
daily_writes = "50 MB"
max_age = "720h"
overflow_alarm = "refuse"
overflow_result = "refuse"
overflow_telemetry = "thin-out"
overflow_debug = "refuse"
keep_one_in = 0x10
[uplink]
order = "live-first"
window = 512
window_bytes = "4MiB"
batch_records = 1
rate = 20
daily_bytes = "10MB"
daily_count = "hub"
pack = true
pack_wait = "90s"
gzip = true
[commands]
hold = "1s"
allow = [ # all on lines of their own
  "ping",
  "output.set",
]
allow_methods = []
allow_local = ["board.reboot"]
answer_within = "5s"
feedback_link = true
[[bus]]
name = "i2c1"
device = "/dev/i2c-1"
[[sensor]]
name = "in"
source = "bme280"
bus = "i2c1"
[[sensor]]
name = "out"
source = "bme280"
bus = "i2c1"
address = 0x77
every = "1m30s"
[[sensor]]
name = "me"
source = "host"
[[output]]
name = "pump"
line = "GPIO17"
initial = true
[[output]]
name = "valve"
line = "GPIO18"
safe = true
safe_after = "1h"
min_on = "500ms"
min_off = "2m"
group = "water"
`, "\n", "\r\n"))
	want := Config{
		Agent: Agent{StateDir: filepath.Join("/etc/fieldpost", "state"), Socket: "/tmp/a.sock", LogLevel: slog.LevelDebug},
		Board: Board{LED: "ACT", Watchdog: "/dev/watchdog0", WatchdogTimeout: 10 * time.Second, StallAfter: 2 * time.Minute},
		Hub: Hub{ConnectionStringFile: filepath.Join("/etc/secret", "device"), CAFile: "/ca.pem", Address: "[2001:db8::1]:5671",
			Transport: "websocket", Proxy: "http://[2001:db8::2]:3128", ProxyCredentialsFile: filepath.Join("/etc/fieldpost", "proxy"),
			SAS: "plain", SASTokenFile: filepath.Join("/etc/fieldpost", "token"),
			CertificateFile: filepath.Join("/etc/fieldpost", "cert.pem"), KeyFile: filepath.Join("/etc/fieldpost", "key.pem")},
		Store: Store{Preset: "ssd", MaxBytes: 10e6, Reserve: 128 << 10, Headroom: 1 << 30, CommitEvery: time.Minute, DailyWrites: 50e6,
			MaxAge: 720 * time.Hour, KeepOneIn: 16,
			OverflowAlarm: "refuse", OverflowResult: "refuse", OverflowTelemetry: "thin-out", OverflowDebug: "refuse"},
		Uplink: Uplink{Order: "live-first", Window: 512, WindowBytes: 4 << 20, BatchRecords: 1, Rate: 20,
			DailyBytes: 10e6, DailyCount: "hub", Pack: true, PackWait: 90 * time.Second, Gzip: true},
		Commands: Commands{
			Hold: time.Second, Allow: []string{"ping", "output.set"}, AllowMethods: []string{}, AllowLocal: []string{"board.reboot"},
			AnswerWithin: 5 * time.Second, FeedbackLink: true,
		},
		Buses: []Bus{{Name: "i2c1", Device: "/dev/i2c-1", Kind: "i2c", Speed: 1_000_000}},
		Sensors: []Sensor{
			{Name: "in", Source: "bme280", Bus: "i2c1", Address: 0x76, Every: 10 * time.Second},
			{Name: "out", Source: "bme280", Bus: "i2c1", Address: 0x77, Every: 90 * time.Second},
			{Name: "me", Source: "host", Every: 10 * time.Second},
		},
		Outputs: []Output{
			{Name: "pump", Line: "GPIO17", Initial: true},
			{Name: "valve", Line: "GPIO18", Initial: true, Safe: true, SafeAfter: time.Hour, MinOn: 500 * time.Millisecond, MinOff: 2 * time.Minute, Group: "water"},
		},
	}
	if got := bare(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TOML has several ways to say the same; all of them are read.
func TestOtherSpellings(t *testing.T) {
	const usual = "version = 1\n[store]\npreset = \"emmc\"\nmax_bytes = \"8MiB\"\n[[sensor]]\nname = \"a\"\nsource = \"host\"\n"
	want := bare(mustParse(t, "", usual))
	for _, text := range []string{
		"version = 1\nstore = {preset = 'emmc', max_bytes = \"8 MiB\"}\nsensor = [{name = \"a\", source = \"host\"}]\n",
		"version = 0x1\nstore.preset = \"emmc\"\n\"store\".max_bytes = \"8192KiB\"\n[[sensor]]\n'name' = '''a'''\nsource = \"ho\\u0073t\"\n",
		"[[sensor]]\nname = \"a\"\nsource = \"host\"\n[store]\npreset = \"emmc\"\nmax_bytes = \"8MiB\"\n",
	} {
		if !strings.Contains(text, "version") {
			text = "version = 1\n" + text
		}
		if got := bare(mustParse(t, "", text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}

func TestLaterProblemsKnowTheirLine(t *testing.T) {
	c := mustParse(t, "a.toml", "version = 1\n[hub]\nca_file = \"/ca\"\n[commands]\nallow = [\"ping\",\n\"pimg\",\n\"queue.flush\"]\n")
	if got, want := c.Problem("hub.ca_file", "no such file", "look").String(), "a.toml:3: hub.ca_file: no such file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := c.Problem("agent.state_dir", "full", "").String(), "a.toml: agent.state_dir: full"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	problems := c.CheckCommands([]string{"ping", "queue.flush", "sensor.read"})
	if len(problems) != 1 || problems[0].String() != `a.toml:6: commands.allow: unknown command "pimg" (nearest: ping)` {
		t.Errorf("got %v", problems)
	}
	if problems := (&Config{Commands: Commands{Allow: []string{"x"}}}).CheckCommands(nil); len(problems) != 1 {
		t.Errorf("a Config made by hand: got %v", problems)
	}
}
