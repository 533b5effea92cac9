package agent

import (
	"fmt"
	"slices"

	"fieldpost/internal/config"
	"fieldpost/sensors"
)

// samplers makes one sampler per bus, so that a hung bus holds up nobody else,
// and one for each sensor without a bus.
func (a *Agent) samplers() []*sensors.Sampler {
	var order []string
	byBus := map[string][]sensors.Sensor{}
	for i, s := range a.cfg.Sensors {
		owner := s.Bus
		if owner == "" {
			owner = fmt.Sprintf("%s-%d", s.Source, i)
		}
		if !slices.Contains(order, owner) {
			order = append(order, owner)
		}
		byBus[owner] = append(byBus[owner], a.sensor(s))
	}
	var made []*sensors.Sampler
	for _, owner := range order {
		made = append(made, sensors.NewSampler(sensors.SamplerOptions{
			Bus:     byBus[owner][0].Bus,
			Sensors: byBus[owner],
			Clock:   a.parts.Clock,
			Out:     a.append,
			Log:     a.parts.Log,
		}))
	}
	return made
}

func (a *Agent) sensor(s config.Sensor) sensors.Sensor {
	return sensors.Sensor{Name: s.Name, Bus: s.Bus, Source: s.Source, Every: s.Every, Align: s.Align, Jitter: s.Jitter, Open: a.opener(s), Expect: expectations(s)}
}

// sampler returns the one that owns the sensor of that name.
func (a *Agent) sampler(name string) (*sensors.Sampler, bool) {
	for _, s := range a.sampling {
		for _, state := range s.States() {
			if state.Sensor == name {
				return s, true
			}
		}
	}
	return nil, false
}

// sensorStates lists all sensors in the order of the configuration.
func (a *Agent) sensorStates() []sensors.State {
	byName := map[string]sensors.State{}
	for _, s := range a.sampling {
		for _, state := range s.States() {
			byName[state.Sensor] = state
		}
	}
	var all []sensors.State
	for _, s := range a.cfg.Sensors {
		all = append(all, byName[s.Name])
	}
	return all
}
