package agent

import (
	"context"

	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/http1"
	"fieldpost/internal/probe"
	"fieldpost/sensors"
)

// probe looks at the hardware. A bus with sensors is used by its sampler, in steps
// between two samples.
func (a *Agent) probe(ctx context.Context, r diag.ProbeRequest) (diag.Probe, error) {
	found, err := probe.Run(ctx, a.probeOptions(r.Bus, a.owner))
	if err != nil {
		return diag.Probe{}, &diag.AnswerError{Status: http1.StatusNotFound, Problem: diag.Problem{Message: err.Error(), Hint: diag.Hint(err)}}
	}
	return found, nil
}

func (a *Agent) probeOptions(only string, owner func(probe.Bus) probe.Own) probe.Options {
	o := probe.Options{Root: a.parts.Root, Buses: a.parts.Buses, Owner: owner, Only: only}
	for _, b := range a.cfg.Buses {
		o.Known = append(o.Known, probe.Bus{Name: b.Name, Device: b.Device})
	}
	states := a.sensorStates()
	for i, s := range a.cfg.Sensors {
		known := probe.Sensor{Name: s.Name, Source: s.Source, Bus: s.Bus, Address: s.Address, Device: s.Device}
		if owner != nil {
			known.State = states[i].Condition
		}
		o.Sensors = append(o.Sensors, known)
	}
	return o
}

// owner is the sampler of a bus; nil without one.
func (a *Agent) owner(bus probe.Bus) probe.Own {
	for _, s := range a.sampling {
		if s.States()[0].Bus == bus.Name {
			return own(s)
		}
	}
	return nil
}

func own(s *sensors.Sampler) probe.Own {
	return func(ctx context.Context, do func(context.Context) error) error { return s.Do(ctx, "probe", do) }
}

// Probe looks at the hardware of a configuration whose agent does not run.
func Probe(ctx context.Context, cfg *config.Config, parts Parts, only string) (diag.Probe, error) {
	return probe.Run(ctx, New(cfg, parts).probeOptions(only, nil))
}
