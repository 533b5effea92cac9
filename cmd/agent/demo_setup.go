package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
)

const demoDevice = "demo-gateway"

// demoConfig is the file the demo's agent runs with: a person who keeps the
// folder may run it again.
const demoConfig = `version = 1

[agent]
state_dir = "state"
socket = "agent.sock"

[hub]
connection_string_file = "connection-string"
ca_file = "hub-ca.pem"

[store]
preset = "ssd"
max_bytes = "16MiB"

[commands]
hold = "1s"
allow = ["ping", "sensor.read", "sensor.interval", "output.set", "queue.flush"]

[[bus]]
name = "cabinet"
device = "/dev/i2c-1"

[[sensor]]
name = "climate"
source = "bme280"
bus = "cabinet"
address = 0x76
every = "1s"

[[sensor]]
name = "gateway"
source = "host"
every = "2s"

[[output]]
name = "fan"
line = "GPIO17"
initial = false
safe = false
`

// demo is one run: a hub, an agent, and a service side that watches both.
type demo struct {
	opts  demoOptions
	show  *demoPrinter
	log   *slog.Logger
	hub   *hub.Hub
	agent *agent.Agent
	valve *valve
	side  *serviceSide
	facts *demoFacts

	stopping atomic.Bool // the agent is being stopped: its link going down is no news
}

func newDemo(o demoOptions, dir string, show *demoPrinter, log *slog.Logger) (*demo, error) {
	h, err := hub.New(hub.Options{FeedbackEvery: time.Second, Log: log.With("who", "hub")})
	if err != nil {
		return nil, fmt.Errorf("start the local hub: %w", err)
	}
	if _, err := h.AddDevice(demoDevice); err != nil {
		return nil, fmt.Errorf("register the device: %w", err)
	}
	secret, err := h.DeviceConnectionString(demoDevice)
	if err != nil {
		return nil, fmt.Errorf("register the device: %w", err)
	}
	for name, content := range map[string][]byte{
		"agent.toml":        []byte(demoConfig),
		"connection-string": []byte(secret + "\n"),
		"hub-ca.pem":        h.CAPEM(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	cfg, problems := config.Load(filepath.Join(dir, "agent.toml"))
	if len(problems) > 0 {
		return nil, fmt.Errorf("the demo's own configuration: %w", problems[0])
	}
	cfg.Commands.Allow = append(cfg.Commands.Allow, "valve.calibrate")
	d := &demo{
		opts:  o,
		show:  show,
		log:   log,
		hub:   h,
		valve: &valve{},
		facts: newDemoFacts(),
	}
	simulated := boardsim.NewDemoBoard(o.seed)
	d.agent = agent.New(cfg, agent.Parts{
		Buses:      simulated,
		Lines:      simulated,
		Clock:      clock.System(),
		Actions:    []c2d.Action{d.valve.action()},
		BackoffMax: 2 * time.Second,
		LastDrain:  demoDrainWithin,
		Watch:      d.watch(),
		Log:        log.With("who", "agent"),
		Version:    version,
		Seed:       o.seed,
	})
	d.side = newServiceSide(h.ServiceConnectionString(), h.CAPEM(), d.facts, show)
	return d, nil
}

// valve is a simulated actuator that is busy for a while after it was moved by hand.
type valve struct {
	mu   sync.Mutex
	till time.Time
}

func (v *valve) keepBusy(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.till = time.Now().Add(d)
}

func (v *valve) action() c2d.Action {
	return c2d.Action{
		Name:   "valve.calibrate",
		Help:   "calibrates the simulated valve, once it is not moving",
		Target: func(c2d.Args) string { return "valve" },
		Ready: func(c2d.Args) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			if left := time.Until(v.till); left > 0 {
				return &c2d.BusyError{Reason: "the valve is moving"}
			}
			return nil
		},
		Run: func(context.Context, c2d.Args) (any, error) {
			return map[string]any{"travel_mm": 12.5}, nil
		},
	}
}
