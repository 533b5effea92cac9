package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// BenchmarkStart is the time from the start of the program until the socket
// answers and until every sensor has its first reading, as a process of its own:
// with no queue file, and with one that holds 100,000 records.
func BenchmarkStart(b *testing.B) {
	for _, records := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("queued=%d", records), func(b *testing.B) {
			dir := b.TempDir()
			config := filepath.Join(dir, "agent.toml")
			text := fmt.Sprintf("version = 1\n[agent]\nstate_dir = %q\nsocket = %q\n[store]\nmax_bytes = \"256MiB\"\n"+
				"[[sensor]]\nname = \"made\"\nsource = \"simulated\"\nevery = \"1s\"\n[[sensor]]\nname = \"host\"\nsource = \"host\"\nevery = \"10s\"\n",
				filepath.Join(dir, "state"), filepath.Join(dir, "socket"))
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			if records > 0 {
				fill(b, filepath.Join(dir, "state"), records)
			}
			var ready, first []time.Duration
			for b.Loop() {
				r, f := startOnce(b, config, filepath.Join(dir, "socket"))
				ready, first = append(ready, r), append(first, f)
			}
			b.ReportMetric(median(ready), "ms-to-socket")
			b.ReportMetric(median(first), "ms-to-readings")
			b.ReportMetric(float64(slices.Max(first).Microseconds())/1e3, "ms-to-readings-at-most")
		})
	}
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1e3
}

// startOnce runs the agent until it has answered both questions, and stops it.
func startOnce(b *testing.B, config, socket string) (ready, first time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	agent := exec.CommandContext(ctx, "/proc/self/exe", "run", "--config", config)
	agent.Env = append(os.Environ(), childOfTest+"=1")
	begun := time.Now()
	if err := agent.Start(); err != nil {
		b.Fatal(err)
	}
	client := diag.NewClient(socket)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for first == 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			b.Fatalf("no readings after %s", time.Since(begun))
		}
		answer, err := client.Sensors(ctx)
		if err != nil {
			continue
		}
		if ready == 0 {
			ready = time.Since(begun)
		}
		if !slices.ContainsFunc(answer.Sensors, func(s diag.Sensor) bool { return s.Samples == 0 }) {
			first = time.Since(begun)
		}
	}
	if err := agent.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := agent.Wait(); err != nil {
		b.Fatal(err)
	}
	return ready, first
}

// fill queues records in a store that is then closed in order.
func fill(b *testing.B, dir string, records int) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	s := store.New(store.Options{Dir: dir, NoSync: true, MaxBytes: 256 << 20, Clock: clock.System()})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	batch := make([]store.Record, 500)
	for n := 0; n < records; n += len(batch) {
		for i := range batch {
			batch[i] = store.Record{ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry,
				Body: []byte(`{"temperature":21.53,"n":` + strconv.Itoa(n+i) + `}`)}
		}
		if _, err := s.Append(ctx, batch...); err != nil {
			b.Fatal(err)
		}
		if err := s.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
