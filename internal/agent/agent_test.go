package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/c2d"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
)

// hang is when a test gives up; it says nothing about speed.
const hang = 60 * time.Second

// load writes a configuration beside its state folder and reads it.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.toml")
	if err := os.WriteFile(path, []byte("version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"s\"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(path)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}

// running is an agent under test.
type running struct {
	*Agent
	t    *testing.T
	stop func() error // end it
	wait func() error // for it to end by itself
}

func run(t *testing.T, cfg *config.Config, parts Parts) *running {
	t.Helper()
	a := New(cfg, parts)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	r := &running{Agent: a, t: t}
	stopped := false
	r.wait = func() error {
		stopped = true
		select {
		case err := <-done:
			return err
		case <-time.After(hang):
			t.Fatal("the agent does not stop")
			return nil
		}
	}
	r.stop = func() error {
		cancel()
		return r.wait()
	}
	t.Cleanup(func() {
		cancel()
		if !stopped {
			_ = r.stop()
		}
	})
	return r
}

// until waits for is to hold.
func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	deadline := time.After(hang)
	for !is() {
		select {
		case <-deadline:
			r.t.Fatalf("waited for %s; status %+v", what, r.Status())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func part(s diag.Status, name string) diag.Part {
	for _, p := range s.Chain {
		if p.Part == name {
			return p
		}
	}
	return diag.Part{}
}

const cabinet = `
[[bus]]
name = "cabinet"
device = "/dev/i2c-1"
[[sensor]]
name = "climate"
source = "bme280"
bus = "cabinet"
every = "100ms"
[[sensor]]
name = "made-up"
source = "simulated"
every = "100ms"
[[output]]
name = "fan"
line = "GPIO17"
initial = true
safe = false
`

func TestAgentNeedsNothingToSampleAndQueue(t *testing.T) {
	simulated := boardsim.NewDemoBoard(1)
	seen := make(chan string, 1000)
	r := run(t, load(t, cabinet), Parts{Buses: simulated, Lines: simulated, Watch: Watch{
		Reading: func(reading sensors.Reading, _ store.Ticket) { seen <- reading.Sensor },
	}})
	sensors := map[string]bool{}
	r.until("readings of both sensors", func() bool {
		select {
		case name := <-seen:
			sensors[name] = true
		default:
		}
		return sensors["climate"] && sensors["made-up"]
	})
	r.until("sensors ok", func() bool { return part(r.Status(), "sensors").State == diag.OK })
	if s := r.Status(); s.OK || s.Broken != "identity" || s.Queue.Depth == 0 {
		t.Errorf("without a hub: ok %v, broken %q, depth %d", s.OK, s.Broken, s.Queue.Depth)
	}
	if on, ok := r.Output("fan"); !ok || !on {
		t.Errorf("the fan is not at its initial level: on %v, there %v", on, ok)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if level, driven := simulated.Level("GPIO17"); level || !driven {
		t.Errorf("the fan was left at %v (driven %v), its safe level is off", level, driven)
	}
	if s := r.Stats(); s.PerClass[store.Telemetry].Queued != s.PerClass[store.Telemetry].Produced || s.PerClass[store.Telemetry].Lost != 0 {
		t.Errorf("offline, everything stays queued: %+v", s.PerClass[store.Telemetry])
	}
}

func TestAgentRunsOnWithoutStateFolderAndSocket(t *testing.T) {
	cfg := load(t, cabinet)
	// A file where the folder should be, and a folder where the socket should be.
	if err := os.WriteFile(cfg.Agent.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(cfg.Agent.Socket, 0o700); err != nil {
		t.Fatal(err)
	}
	simulated := boardsim.NewDemoBoard(1)
	r := run(t, cfg, Parts{Buses: simulated, Lines: simulated})
	r.until("records in memory", func() bool { return queued(r.Stats()) > 5 })
	r.until("the store to be named", func() bool { return r.Status().Broken == "store" })
	if p := part(r.Status(), "store"); p.Reason == "" || p.Hint == "" {
		t.Errorf("the store says nothing: %+v", p)
	}
	_ = r.stop()
}

func TestAgentShowsABusThatIsNotThere(t *testing.T) {
	empty := boardsim.New(boardsim.Options{Lines: []string{}})
	r := run(t, load(t, cabinet), Parts{Buses: empty, Lines: empty})
	r.until("the output to be named", func() bool { return r.Status().Broken == "board" })
	r.until("the bus to be named", func() bool { return part(r.Status(), "buses").Hint != "" })
	if p := part(r.Status(), "board"); !strings.Contains(p.Reason, "fan") {
		t.Errorf("board: %+v", p)
	}
	r.until("the other sensor", func() bool { return queued(r.Stats()) > 1 })
}

func TestTwoAgentsInOnePlace(t *testing.T) {
	cfg := load(t, "")
	r := run(t, cfg, Parts{Root: t.TempDir()})
	r.until("the first agent", func() bool {
		_, err := diag.NewClient(cfg.Agent.Socket).Status(t.Context())
		return err == nil
	})
	second := New(cfg, Parts{Root: t.TempDir()})
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("the second agent on the same socket: %v", err)
	}
}

func TestSocketThatWasRemovedComesBack(t *testing.T) {
	cfg := load(t, "")
	r := run(t, cfg, Parts{Root: t.TempDir()})
	answers := func() bool {
		_, err := diag.NewClient(cfg.Agent.Socket).Status(t.Context())
		return err == nil
	}
	r.until("the socket", answers)
	if err := os.Remove(cfg.Agent.Socket); err != nil {
		t.Fatal(err)
	}
	if answers() {
		t.Fatal("answered without a socket")
	}
	r.until("the socket again", answers)
}

func TestReadingOfNothingButBadValuesIsNoticed(t *testing.T) {
	for _, c := range []struct {
		values []sensors.Value
		bad    bool
	}{
		{nil, false},
		{[]sensors.Value{{Name: "a", Quality: sensors.Bad, Reason: "frozen"}}, true},
		{[]sensors.Value{{Name: "a", Quality: sensors.Bad}, {Name: "b", Quality: sensors.Suspect}}, false},
	} {
		if _, bad := allBad(sensors.Reading{Values: c.values}); bad != c.bad {
			t.Errorf("%v: bad %v", c.values, bad)
		}
	}
}

func TestBuiltInCommands(t *testing.T) {
	simulated := boardsim.NewDemoBoard(1)
	r := run(t, load(t, cabinet), Parts{Buses: simulated, Lines: simulated, Version: "v9"})
	r.until("sensors ok", func() bool { return part(r.Status(), "sensors").State == diag.OK })
	do := func(name string, args c2d.Args) (any, error) {
		for _, action := range r.actions() {
			if action.Name == name {
				return action.Run(t.Context(), args)
			}
		}
		t.Fatalf("no command %s", name)
		return nil, nil
	}
	for _, c := range []struct {
		name string
		args c2d.Args
		want string // in the result
		err  string // in the error
	}{
		{"ping", c2d.Args{}, "v9", ""},
		{"sensor.read", c2d.Args{"sensor": "climate"}, "temperature", ""},
		{"sensor.read", c2d.Args{"sensor": "nose"}, "", "no sensor nose"},
		{"sensor.interval", c2d.Args{"sensor": "climate", "every": time.Minute}, "1m0s", ""},
		{"sensor.interval", c2d.Args{"sensor": "climate", "every": time.Nanosecond}, "", "interval"},
		{"sensor.interval", c2d.Args{"sensor": "nose", "every": time.Minute}, "", "no sensor nose"},
		{"output.set", c2d.Args{"output": "fan", "on": false}, "was:true", ""},
		{"output.set", c2d.Args{"output": "lamp", "on": true}, "", `no output "lamp"`},
		{"queue.flush", c2d.Args{}, "queued", ""},
	} {
		result, err := do(c.name, c.args)
		if c.err == "" && (err != nil || !strings.Contains(fmt.Sprint(result), c.want)) {
			t.Errorf("%s %v: %v, %v; want %s", c.name, c.args, result, err, c.want)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s %v: error %v; want %s", c.name, c.args, err, c.err)
		}
	}
	if on, _ := r.Output("fan"); on {
		t.Error("output.set left the fan on")
	}
	if s := r.Stats(); s.Commits == 0 {
		t.Error("queue.flush wrote nothing")
	}
}

func TestCheckFilesNamesTheThingAndNoSecret(t *testing.T) {
	const secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
	good := clock.Stamp{Wall: time.Now(), Trust: clock.TrustSynced}
	cfg := load(t, "[hub]\nconnection_string_file = \"key\"\nca_file = \"ca\"\n")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(cfg.Agent.StateDir), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		key, ca string
		at      clock.Stamp
		want    []string
	}{
		{"HostName=h;DeviceId=d;SharedAccessKey=" + secret, "no pem", good, []string{"hub.ca_file"}},
		{"HostName=h;DeviceId=d", "no pem", good, []string{"hub.connection_string_file", "hub.ca_file"}},
		{"DeviceId=d;SharedAccessKey=" + secret, "no pem", good, []string{"hub.connection_string_file", "hub.ca_file"}},
		{"HostName=h;SharedAccessKeyName=service;SharedAccessKey=" + secret, "no pem", good, []string{"hub.connection_string_file", "hub.ca_file"}},
		{"noise " + secret, "no pem", clock.Stamp{Wall: time.Unix(0, 0)}, []string{"hub.connection_string_file", "hub.ca_file", "1970"}},
	} {
		write("key", c.key)
		write("ca", c.ca)
		problems := append(CheckFiles(cfg, c.at), CheckClock(c.at)...)
		if len(problems) != len(c.want) {
			t.Errorf("%s: %v", c.key, problems)
			continue
		}
		for i, p := range problems {
			if !strings.Contains(p.String(), c.want[i]) || p.Hint == "" {
				t.Errorf("%s: problem %d is %q (hint %q), want %s", c.key, i, p, p.Hint, c.want[i])
			}
			if strings.Contains(p.String()+p.Hint, secret) {
				t.Errorf("the key is in %q", p)
			}
		}
	}
}
