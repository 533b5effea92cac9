package agent

import (
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
)

// metrics tells the figures that a monitor keeps. Labels are classes, reasons of
// the ledger, and names of the configuration, so that there are few.
func (a *Agent) metrics(_ context.Context, m *diag.Metrics) {
	stats := a.store.Stats()
	m.Gauge("build_info", "The program, as a constant 1.", 1, "version", a.parts.Version, "goversion", runtime.Version(), "goarch", runtime.GOARCH)
	m.Gauge("uptime_seconds", "Time since the agent started.", (a.parts.Clock.Now().BootTime - a.started.BootTime).Seconds())
	a.queueMetrics(m, stats)
	a.linkMetrics(m)
	a.sensorMetrics(m)
	a.commandMetrics(m)
	a.processMetrics(m)
}

func (a *Agent) queueMetrics(m *diag.Metrics, s store.Stats) {
	by := func(add func(name, help string, v float64, labels ...string), name, help string, of func(store.ClassStats) float64) {
		for class, c := range s.PerClass {
			add(name, help, of(c), "class", store.Class(class).String())
		}
	}
	by(m.Gauge, "queue_records", "Records that wait for the hub.", func(c store.ClassStats) float64 { return float64(c.Queued) })
	by(m.Gauge, "queue_bytes", "Size of the records that wait, before they are packed.", func(c store.ClassStats) float64 { return float64(c.Bytes) })
	by(m.Counter, "records_produced_total", "Records that were given an id, since the queue file was made.", func(c store.ClassStats) float64 { return float64(c.Produced) })
	by(m.Counter, "records_delivered_total", "Records that the hub accepted.", func(c store.ClassStats) float64 { return float64(c.Delivered) })
	by(m.Gauge, "dead_letters", "Records that the hub refused for themselves, kept aside.", func(c store.ClassStats) float64 { return float64(c.Dead) })
	by(m.Counter, "records_lost_total", "Records that were given up; the loss ledger has them.", func(c store.ClassStats) float64 { return float64(c.Lost) })
	for _, reason := range slices.Sorted(maps.Keys(s.LostByReason)) {
		m.Counter("records_lost_by_reason_total", "The same records by the reason of the loss ledger.", float64(s.LostByReason[reason]), "reason", reason)
	}
	m.Counter("records_refused_total", "Records that the queue did not take since the start: they have no id.", float64(s.Refused))
	m.Gauge("queue_oldest_age_seconds", "Age of the oldest record that waits.", s.OldestAge.Seconds())
	for class, age := range s.AtRiskByClass {
		m.Gauge("at_risk_seconds", "What a power cut would take now: the age of the oldest record in memory only.", age.Seconds(), "class", store.Class(class).String())
	}
	m.Gauge("store_ready", "1 when the queue file is open.", truth(s.Ready))
	m.Gauge("store_stored_bytes", "Records and dead letters on disk.", float64(s.StoredBytes))
	m.Gauge("store_max_bytes", "Bound on the former; 0 = not known yet.", float64(s.MaxBytes))
	m.Gauge("store_file_bytes", "Size of the queue file.", float64(s.DiskBytes))
	m.Gauge("store_free_bytes", "Free on the file system of the state folder; 0 = unknown.", float64(s.FreeBytes))
	m.Gauge("store_memory_bytes", "Records held in memory.", float64(s.MemoryBytes))
	m.Gauge("card_written_day_bytes", "What the card was made to write in the last 24 hours, an estimate.", float64(s.WrittenToday))
	m.Gauge("card_write_budget_bytes", "Of which so much is wanted at most.", float64(s.WriteBudget))
	m.Counter("store_commits_total", "Transactions since the start.", float64(s.Commits))
	m.Counter("store_syncs_total", "File syncs of these.", float64(s.Syncs))
	m.Gauge("store_error", "1 while the disk gives an error.", truth(s.LastError != ""))
}

func (a *Agent) linkMetrics(m *diag.Metrics) {
	l, d := a.link.State(), a.drain.Stats()
	m.Gauge("link_up", "1 while the link to the hub is online.", truth(a.Online()))
	m.Gauge("link_phase", "1 for the phase that the link is in.", 1, "phase", l.Phase)
	m.Counter("link_connects_total", "Times the link came online.", float64(l.Connects))
	m.Counter("link_failures_total", "Attempts that failed and connections that broke.", float64(l.Failures))
	m.Counter("link_renewals_total", "Tokens put after the first of a connection.", float64(l.Renewals))
	m.Counter("link_rebuilds_total", "Connections given up because nothing moved on them.", float64(l.Rebuilds))
	m.Counter("link_same_identity_total", "Times another client with this device id was noticed.", float64(l.Twice))
	m.Gauge("link_abandoned_calls", "Calls that have not returned long after their deadline.", float64(l.Abandoned))
	m.Gauge("uplink_window_transfers", "Transfers that may be on their way.", float64(d.Window))
	m.Gauge("uplink_window_bytes", "Bytes that may be on their way.", float64(d.WindowBytes))
	m.Gauge("uplink_in_flight_transfers", "Transfers that the hub has not answered.", float64(d.InFlight))
	m.Gauge("uplink_in_flight_bytes", "Size of these.", float64(d.FlightBytes))
	m.Gauge("uplink_latency_seconds", "Shortest time to an answer on this link.", d.Latency.Seconds())
	m.Counter("uplink_records_sent_total", "Records written to the connection, those sent again included.", float64(d.Sent))
	m.Counter("uplink_records_resent_total", "Records handed back or not answered.", float64(d.Resent))
	m.Counter("uplink_transfers_total", "Messages, batches and packs sent.", float64(d.Transfers))
	m.Gauge("uplink_throttled", "1 while records wait although the link is up.", truth(d.HeldBy == "hub"), "by", "hub")
	m.Gauge("uplink_throttled", "", truth(d.HeldBy == "budget"), "by", "budget")
}

func (a *Agent) sensorMetrics(m *diag.Metrics) {
	states, now := a.sensorStates(), a.parts.Clock.Now()
	each := func(add func(name, help string, v float64, labels ...string), name, help string, of func(sensors.State) float64) {
		for _, s := range states {
			add(name, help, of(s), "sensor", s.Sensor)
		}
	}
	each(m.Counter, "sensor_samples_total", "Readings taken.", func(s sensors.State) float64 { return float64(s.Samples) })
	each(m.Counter, "sensor_missed_total", "Samples that were due and not taken.", func(s sensors.State) float64 { return float64(s.Missed) })
	each(m.Counter, "sensor_errors_total", "Calls that gave no reading.", func(s sensors.State) float64 { return float64(s.Failures) })
	each(m.Counter, "sensor_suspect_values_total", "Values that were sent and marked.", func(s sensors.State) float64 { return float64(s.Suspect) })
	each(m.Counter, "sensor_bad_values_total", "Values that were left out.", func(s sensors.State) float64 { return float64(s.Bad) })
	each(m.Gauge, "sensor_ok", "1 while the sensor answers.", func(s sensors.State) float64 { return truth(s.Condition == sensors.OK) })
	for _, s := range states {
		if len(s.Last.Values) > 0 {
			m.Gauge("sensor_age_seconds", "Age of the last reading.", (now.BootTime - s.Last.Stamp.BootTime).Seconds(), "sensor", s.Sensor)
		}
	}
	for _, b := range a.cfg.Buses {
		hung := slices.ContainsFunc(states, func(s sensors.State) bool { return s.Bus == b.Name && s.Condition == sensors.Hung })
		m.Gauge("bus_hung", "1 while a call on the bus does not return.", truth(hung), "bus", b.Name)
	}
}

func (a *Agent) commandMetrics(m *diag.Metrics) {
	const name, help = "commands_total", "Commands by their outcome; of abandoned ones the deliveries."
	c := a.commands.Stats()
	m.Counter(name, help, float64(c.Completed), "outcome", "completed")
	m.Counter(name, help, float64(c.Rejected), "outcome", "rejected")
	m.Counter(name, help, float64(c.Abandoned), "outcome", "abandoned")
	m.Gauge("commands_running", "Actions that run.", float64(c.Running))
	m.Gauge("commands_overrun", "Of these, those past their deadline.", float64(c.Overrun))
}

func (a *Agent) processMetrics(m *diag.Metrics) {
	if milli, err := strconv.ParseFloat(a.sysfs("sys/class/thermal/thermal_zone0/temp"), 64); err == nil {
		m.Gauge("board_temperature_celsius", "Temperature of the first thermal zone, the processor's on most boards.", milli/1000)
	}
	if bits, err := strconv.ParseUint(strings.TrimPrefix(a.sysfs("sys/devices/platform/soc/soc:firmware/get_throttled"), "0x"), 16, 32); err == nil {
		const name, help = "board_throttled", "1 while the firmware of the board reports it."
		m.Gauge(name, help, truth(bits&1 != 0), "reason", "undervoltage")
		m.Gauge(name, help, truth(bits&2 != 0), "reason", "frequency-capped")
		m.Gauge(name, help, truth(bits&4 != 0), "reason", "throttled")
		m.Gauge(name, help, truth(bits&8 != 0), "reason", "temperature-limit")
	}
	if fields := strings.Fields(a.sysfs("proc/self/statm")); len(fields) > 1 {
		if pages, err := strconv.ParseFloat(fields[1], 64); err == nil {
			m.Gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", pages*float64(os.Getpagesize()))
		}
	}
	m.Gauge("process_goroutines", "Goroutines that there are.", float64(runtime.NumGoroutine()))
}

// sysfs reads one small file of the kernel's; what cannot be read is empty.
func (a *Agent) sysfs(name string) string { return kernelFile(a.parts.Root, name) }

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
