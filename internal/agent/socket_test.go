package agent

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/internal/diag"
	"fieldpost/internal/diag/promtest"
	"fieldpost/sensors"
)

func TestLogLevelFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		level := new(slog.LevelVar)
		level.Set(slog.LevelWarn)
		l := &logLevel{level: level, configured: slog.LevelWarn, log: slog.New(slog.DiscardHandler)}
		if was := l.set(slog.LevelDebug, time.Minute); was != slog.LevelWarn || level.Level() != slog.LevelDebug {
			t.Errorf("was %v, is %v", was, level.Level())
		}
		time.Sleep(30 * time.Second)
		if r := l.report(); r.FallsBackS != 30 || r.Level != "debug" || r.Configured != "warn" {
			t.Errorf("report %+v", r)
		}
		l.set(slog.LevelInfo, time.Hour) // the first while is over, and means nothing any more
		time.Sleep(time.Minute)
		if level.Level() != slog.LevelInfo {
			t.Errorf("fell back to %v too early", level.Level())
		}
		time.Sleep(time.Hour)
		if r := l.report(); level.Level() != slog.LevelWarn || r.FallsBackS != 0 {
			t.Errorf("is %v, %+v", level.Level(), r)
		}
		l.set(slog.LevelError, 0)
		time.Sleep(48 * time.Hour)
		if level.Level() != slog.LevelError {
			t.Errorf("fell back to %v, for which nobody asked", level.Level())
		}
	})
}

func TestLogLevelAtTheSocket(t *testing.T) {
	cfg := load(t, "")
	r := run(t, cfg, Parts{Root: t.TempDir()})
	client := diag.NewClient(cfg.Agent.Socket)
	r.until("the socket", func() bool { _, err := client.Status(t.Context()); return err == nil })
	for _, s := range []diag.SetLogLevel{{Level: "loud"}, {Level: ""}, {Level: "DEBUG"}, {Level: "debug", ForS: -1}, {Level: "debug", ForS: 0.5}, {Level: "debug", ForS: 1e9}} {
		if _, err := client.SetLogLevel(t.Context(), s); err == nil || diag.Hint(err) == "" {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if l, err := client.SetLogLevel(t.Context(), diag.SetLogLevel{Level: "error", ForS: 600}); err != nil || l.Was != "info" || l.Level != "error" || l.FallsBackS < 500 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := client.LogLevel(t.Context()); err != nil || l.Level != "error" || l.Configured != "info" {
		t.Errorf("%+v, %v", l, err)
	}
}

// What the figures say is what the status says.
func TestMetricsOfAnAgent(t *testing.T) {
	cfg := load(t, cabinet)
	simulated := boardsim.NewDemoBoard(1)
	r := run(t, cfg, Parts{Buses: simulated, Lines: simulated, Version: "v\"9"})
	r.until("every sensor", func() bool {
		return r.Stats().Ready && !slices.ContainsFunc(r.sensorStates(), func(s sensors.State) bool { return s.Condition != sensors.OK })
	})
	r.StopSampling()
	client := diag.NewClient(cfg.Agent.Socket)
	var text []byte
	r.until("figures", func() (ok bool) { var err error; text, err = client.Metrics(t.Context()); return err == nil })
	if all, err := promtest.Parse(string(text)); err != nil || len(all) < 60 {
		t.Errorf("%d figures, %v", len(all), err)
	}
	status := r.Status()
	for _, want := range []string{
		`fieldpost_build_info{version="v\"9",`,
		"\nfieldpost_link_up 0\n", "\nfieldpost_bus_hung{bus=\"cabinet\"} 0\n", "\nfieldpost_sensor_ok{sensor=\"climate\"} 1\n",
		"\nfieldpost_commands_total{outcome=\"completed\"} 0\n", "\nfieldpost_process_resident_memory_bytes ", "\nfieldpost_store_ready 1\n",
		"\nfieldpost_uplink_throttled{by=\"budget\"} 0\n", "\nfieldpost_sensor_age_seconds{sensor=\"made-up\"} ",
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in the figures", want)
		}
	}
	if n := status.Queue.ByClass["alarm"].Queued; n == 0 || !strings.Contains(string(text), "\nfieldpost_queue_records{class=\"alarm\"} 1\n") {
		t.Errorf("%d alarms are queued:\n%s", n, text)
	}
}
