package agent

import (
	"fieldpost/internal/config"
	"fieldpost/sensors"
	"fieldpost/sensors/catalog"
)

// expectations joins what the catalog knows of the values of a source with what
// the configuration says of them.
func expectations(s config.Sensor) []sensors.Expect {
	source, _ := catalog.Named(s.Source)
	var all []sensors.Expect
	at := map[string]int{}
	for _, v := range source.Values {
		at[v.Name] = len(all)
		all = append(all, v.Expect)
	}
	for _, v := range s.Values {
		i, known := at[v.Name]
		if !known {
			i = len(all)
			all = append(all, sensors.Expect{Name: v.Name})
		}
		e := &all[i]
		e.Calibration = sensors.Calibration{Gain: v.Gain, Offset: v.Offset, Table: v.Table}
		e.Min, e.Max, e.MaxRate, e.MaxAge = v.Min, v.Max, v.MaxRate, v.MaxAge
		if v.StuckAfter > 0 {
			e.StuckAfter = v.StuckAfter
		}
	}
	return all
}
