package agent

import (
	"context"
	"time"

	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
)

func (a *Agent) sensorsReport() diag.Sensors {
	var report diag.Sensors
	for _, s := range a.sensorStates() {
		report.Sensors = append(report.Sensors, a.reported(s))
	}
	return report
}

func (a *Agent) reported(s sensors.State) diag.Sensor {
	w := diag.Sensor{
		Name: s.Sensor, Source: s.Source, Bus: s.Bus,
		Condition: s.Condition, Reason: s.Reason, Hint: s.Hint,
		EveryS: s.Every.Seconds(), Align: s.Align, JitterS: s.Jitter.Seconds(),
		Samples: s.Samples, Failures: s.Failures, Missed: s.Missed, Suspect: s.Suspect, Bad: s.Bad,
	}
	if s.Condition == sensors.Failing {
		w.NextTryS = max(0, time.Until(s.NextTry).Seconds())
	}
	if len(s.Last.Values) > 0 {
		at, _ := a.timeline.Resolve(s.Last.Stamp)
		w.Last = &diag.Reading{At: at, AgeS: (a.parts.Clock.Now().BootTime - s.Last.Stamp.BootTime).Seconds(), Values: valuesOf(s.Last)}
	}
	return w
}

func valuesOf(r sensors.Reading) []diag.Value {
	var values []diag.Value
	for _, v := range r.Values {
		values = append(values, diag.Value{
			Name: v.Name, Unit: v.Unit, Value: diag.Number(v.Num), Quality: v.Quality.String(), Reason: v.Reason,
		})
	}
	return values
}

// readReport takes a sample of a sensor now, on the goroutine that owns its bus.
// The reading goes to whoever asked and not into the queue.
func (a *Agent) readReport(ctx context.Context, name string) (diag.Sensors, error) {
	s, found := a.sampler(name)
	if !found {
		return diag.Sensors{}, a.noSensor(name)
	}
	return a.read(ctx, s, name)
}

func (a *Agent) read(ctx context.Context, s *sensors.Sampler, name string) (diag.Sensors, error) {
	if _, err := s.Read(ctx, name); err != nil {
		return diag.Sensors{}, err
	}
	for _, state := range s.States() {
		if state.Sensor == name {
			return diag.Sensors{Sensors: []diag.Sensor{a.reported(state)}}, nil
		}
	}
	return diag.Sensors{}, a.noSensor(name)
}

func (a *Agent) noSensor(name string) error {
	return diag.NoSensor(name, a.sensorNames())
}

// ReadSensor takes one sample of a sensor of a configuration whose agent does not
// run, and ends.
func ReadSensor(ctx context.Context, cfg *config.Config, parts Parts, name string) (diag.Sensors, error) {
	a := New(cfg, parts)
	for _, c := range cfg.Sensors {
		if c.Name != name {
			continue
		}
		s := sensors.NewSampler(sensors.SamplerOptions{Bus: c.Bus, Sensors: []sensors.Sensor{a.sensor(c)}, Clock: a.parts.Clock, Log: a.parts.Log})
		if err := s.SetEnabled(name, false); err != nil { // Read asks it all the same, and nothing else does
			return diag.Sensors{}, err
		}
		running := start(ctx, s.Run)
		answer, err := a.read(ctx, s, name)
		if bad := running.stop(); err == nil {
			err = bad
		}
		for i := range answer.Sensors {
			answer.Sensors[i].Condition = sensors.OK
		}
		return answer, err
	}
	return diag.Sensors{}, a.noSensor(name)
}
