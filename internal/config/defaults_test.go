package config

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func printed(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := Defaults(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintedFileIsTheDefaults(t *testing.T) {
	if got := bare(mustParse(t, "agent.toml", printed(t))); !reflect.DeepEqual(got, defaults) {
		t.Errorf("got  %+v\nwant %+v", got, defaults)
	}
}

// With every # of a key removed the file says the same and sets all examples.
func TestPrintedFileUncommented(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAllString(printed(t), "$1")
	text = strings.ReplaceAll(text, "\npack = false", "\npack = true") // pack_wait asks for it
	c := mustParse(t, "agent.toml", text)
	want := defaults
	want.Uplink.Rate, want.Uplink.DailyBytes, want.Uplink.Pack, want.Uplink.PackWait = 50, 50e6, true, time.Minute
	want.Board.LED = "ACT"
	want.Board.Watchdog = "/dev/watchdog"
	want.Hub = Hub{ConnectionStringFile: "/etc/fieldpost/connection-string", CAFile: "/etc/fieldpost/hub-ca.pem", Address: "192.0.2.10:5671", ClockWait: 30 * time.Second,
		Transport: "auto", Proxy: "http://proxy.example:3128", ProxyCredentialsFile: "/etc/fieldpost/proxy-credentials",
		SAS: "cbs", SASTokenFile: "/etc/fieldpost/sas-token", CertificateFile: "/etc/fieldpost/device.pem", KeyFile: "/etc/fieldpost/device-key.pem"}
	want.Store = store(func(s *Store) {
		s.MaxBytes, s.Reserve, s.CommitEvery, s.DailyWrites, s.MaxAge = 64<<20, 1<<20, 30*time.Second, 128<<20, 720*time.Hour
	})
	want.Buses = []Bus{{Name: "i2c1", Device: "/dev/i2c-1", Kind: "i2c", Speed: 1_000_000}}
	least, most := -30.0, 60.0
	want.Sensors = []Sensor{{Name: "outdoor", Source: "bme280", Bus: "i2c1", Address: 0x76, Every: 10 * time.Second, Values: []SensorValue{{
		Name: "temperature", Gain: 1, Table: [][2]float64{{0, 0.3}, {100, 99.1}}, Min: &least, Max: &most,
		MaxRate: 0.5, StuckAfter: time.Hour, MaxAge: time.Minute,
	}}}}
	want.Outputs = []Output{{Name: "pump", Line: "GPIO17", SafeAfter: 10 * time.Minute, MinOn: 30 * time.Second, MinOff: 3 * time.Minute, Group: "motor"}}
	if got := bare(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every key of the table is printed, has a help text, and its default passes its own check.
func TestTableOfKeys(t *testing.T) {
	text := printed(t)
	for _, s := range sections() {
		for _, k := range s.keys {
			path := pathOf(s.name, k.name)
			if k.help == "" || !strings.HasSuffix(k.help, ".") {
				t.Errorf("%s: help %q is not a sentence", path, k.help)
			}
			if k.value == "" && k.example == "" {
				t.Errorf("%s: neither a default nor an example", path)
			}
			if !regexp.MustCompile(`(?m)^#{0,2}` + k.name + ` = `).MatchString(text) {
				t.Errorf("%s: not printed", path)
			}
			for _, value := range []string{k.value, k.example} {
				if value == "" {
					continue
				}
				root, problems := parseTree([]byte("x = " + value))
				if len(problems) > 0 {
					t.Fatalf("%s: %s: %v", path, value, problems)
				}
				c := checker{config: &Config{origin: origin{lines: map[string]int{}}}}
				c.store(path, path, k, root.keys["x"], newTarget(c.config))
				if len(c.problems) > 0 {
					t.Errorf("%s: %s: %v", path, value, c.problems)
				}
			}
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 100 {
			t.Errorf("line of %d characters: %s", len(line), line)
		}
	}
}
