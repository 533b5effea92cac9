package agent

import (
	"context"
	"time"

	"fieldpost/c2d"
	"fieldpost/sensors"
)

func (a *Agent) sensorActions() []c2d.Action {
	name := c2d.Arg{Name: "sensor", Type: "string", Required: true, OneOf: a.sensorNames(), Help: "name of the sensor"}
	target := func(args c2d.Args) string { return "sensor:" + args.String("sensor") }
	return []c2d.Action{
		{
			Name:   "sensor.read",
			Help:   "takes a sample of a sensor now; the reading is in the result and not in the telemetry",
			Args:   []c2d.Arg{name},
			Repeat: c2d.Repeatable,
			Target: a.bus,
			Run:    a.readSensor,
		},
		{
			Name: "sensor.interval",
			Help: "changes how often a sensor is sampled, until the agent restarts",
			Args: []c2d.Arg{name, {
				Name: "every", Type: "duration", Required: true, Help: "time between two samples",
				Min: inSeconds(sensors.MinEvery), Max: inSeconds(sensors.MaxEvery),
			}},
			Repeat: c2d.Repeatable,
			Target: target,
			Run: func(_ context.Context, args c2d.Args) (any, error) {
				name, every := args.String("sensor"), args.Duration("every")
				return map[string]any{"sensor": name, "every": every.String()}, a.sampled(name, func(s *sensors.Sampler) error {
					return s.SetInterval(name, every)
				})
			},
			DryRun: func(_ context.Context, args c2d.Args) (any, error) {
				return a.wouldSet(args.String("sensor"), map[string]any{"every": args.Duration("every").String()})
			},
		},
		{
			Name:   "sensor.enable",
			Help:   "has a sensor sampled or not, until the agent restarts; sensor.read asks it in any case",
			Args:   []c2d.Arg{name, {Name: "enabled", Type: "boolean", Required: true, Help: "false: it is left alone"}},
			Repeat: c2d.Repeatable,
			Target: target,
			Run: func(_ context.Context, args c2d.Args) (any, error) {
				name, on := args.String("sensor"), args.Bool("enabled")
				return map[string]any{"sensor": name, "enabled": on}, a.sampled(name, func(s *sensors.Sampler) error {
					return s.SetEnabled(name, on)
				})
			},
			DryRun: func(_ context.Context, args c2d.Args) (any, error) {
				return a.wouldSet(args.String("sensor"), map[string]any{"enabled": args.Bool("enabled")})
			},
		},
	}
}

func inSeconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// bus is what a sample has to take turns for: one call at a time goes out on it.
func (a *Agent) bus(args c2d.Args) string {
	for _, s := range a.cfg.Sensors {
		if s.Name == args.String("sensor") && s.Bus != "" {
			return "bus:" + s.Bus
		}
	}
	return "sensor:" + args.String("sensor")
}

// sampled has the sampler of a sensor changed.
func (a *Agent) sampled(name string, change func(*sensors.Sampler) error) error {
	sampler, ok := a.sampler(name)
	if !ok {
		return &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: "no sensor " + name}
	}
	if err := change(sampler); err != nil {
		return &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: err.Error()}
	}
	return nil
}

// wouldSet tells what a change of a sensor would replace.
func (a *Agent) wouldSet(name string, would map[string]any) (any, error) {
	for _, s := range a.sensorStates() {
		if s.Sensor == name {
			return map[string]any{"sensor": name, "would_set": would, "is": map[string]any{
				"every": s.Every.String(), "enabled": s.Condition != sensors.Disabled,
			}}, nil
		}
	}
	return nil, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: "no sensor " + name}
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

func (a *Agent) sensorNames() []string {
	var names []string
	for _, s := range a.cfg.Sensors {
		names = append(names, s.Name)
	}
	return names
}
