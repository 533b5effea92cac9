package agent

import (
	"context"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/config"
	"fieldpost/sensors"
)

// actions is the table of commands that every agent knows. Which of them may
// run is configuration: commands.allow.
func (a *Agent) actions() []c2d.Action {
	return []c2d.Action{
		{
			Name:   "ping",
			Help:   "answers with the agent's version, uptime and queue depth",
			Repeat: c2d.Repeatable,
			Run: func(context.Context, c2d.Args) (any, error) {
				now := a.parts.Clock.Now()
				return map[string]any{
					"version":  a.parts.Version,
					"uptime_s": int64((now.BootTime - a.started.BootTime).Seconds()),
					"queued":   queued(a.store.Stats()),
				}, nil
			},
		},
		{
			Name:   "sensor.read",
			Help:   "takes a sample of a sensor now; the reading is in the result and not in the telemetry",
			Args:   []c2d.Arg{{Name: "sensor", Type: "string", Required: true, OneOf: a.sensorNames(), Help: "name of the sensor"}},
			Repeat: c2d.Repeatable,
			Run:    a.readSensor,
		},
		{
			Name: "sensor.interval",
			Help: "changes how often a sensor is sampled, until the agent restarts",
			Args: []c2d.Arg{
				{Name: "sensor", Type: "string", Required: true, OneOf: a.sensorNames(), Help: "name of the sensor"},
				{Name: "every", Type: "duration", Required: true, Help: "time between two samples, 100ms to 24h"},
			},
			Repeat: c2d.Repeatable,
			Run: func(_ context.Context, args c2d.Args) (any, error) {
				name, every := args.String("sensor"), args.Duration("every")
				sampler, ok := a.sampler(name)
				if !ok {
					return nil, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: "no sensor " + name}
				}
				if err := sampler.SetInterval(name, every); err != nil {
					return nil, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: err.Error()}
				}
				return map[string]any{"sensor": name, "every": every.String()}, nil
			},
		},
		{
			Name: "output.set",
			Help: "switches an output",
			Args: []c2d.Arg{
				{Name: "output", Type: "string", Required: true, OneOf: a.outputNames(), Help: "name of the output"},
				{Name: "on", Type: "boolean", Required: true, Help: "true switches it on"},
			},
			// Setting a level twice has the effect of setting it once.
			Repeat: c2d.Repeatable,
			Target: func(args c2d.Args) string { return "output:" + args.String("output") },
			Run:    a.setOutput,
		},
		{
			Name:   "queue.flush",
			Help:   "writes what is in memory to disk now",
			Repeat: c2d.Repeatable,
			Target: func(c2d.Args) string { return "queue" },
			Run: func(ctx context.Context, _ c2d.Args) (any, error) {
				began := time.Now()
				if err := a.store.Flush(ctx); err != nil {
					return nil, err
				}
				return map[string]any{"queued": queued(a.store.Stats()), "took_ms": time.Since(began).Milliseconds()}, nil
			},
		},
	}
}

// CommandNames lists the built-in commands, for checking commands.allow.
func CommandNames(cfg *config.Config) []string {
	var names []string
	for _, action := range (&Agent{cfg: cfg}).actions() {
		names = append(names, action.Name)
	}
	return names
}

func (a *Agent) readSensor(ctx context.Context, args c2d.Args) (any, error) {
	name := args.String("sensor")
	sampler, ok := a.sampler(name)
	if !ok {
		return nil, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: "no sensor " + name}
	}
	reading, err := sampler.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, v := range reading.Values {
		entry := map[string]any{"unit": v.Unit, "quality": v.Quality.String()}
		if v.Quality != sensors.Bad {
			entry["value"] = v.Num
		}
		if v.Reason != "" {
			entry["reason"] = v.Reason
		}
		values[v.Name] = entry
	}
	at, uncertainty := a.timeline.Resolve(reading.Stamp)
	return map[string]any{"sensor": name, "time": at, "time_uncertainty_s": uncertainty.Seconds(), "values": values}, nil
}

func (a *Agent) setOutput(_ context.Context, args c2d.Args) (any, error) {
	name, on := args.String("output"), args.Bool("on")
	output, err := a.outputs.get(name)
	if err != nil {
		return nil, err
	}
	was := output.On()
	if err := output.Set(on); err != nil {
		return nil, err
	}
	return map[string]any{"output": name, "on": on, "was": was}, nil
}

func (a *Agent) sensorNames() []string {
	var names []string
	for _, s := range a.cfg.Sensors {
		names = append(names, s.Name)
	}
	return names
}

func (a *Agent) outputNames() []string {
	var names []string
	for _, o := range a.cfg.Outputs {
		names = append(names, o.Name)
	}
	return names
}
