package sensors_test

import (
	"context"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/sensors"
	"fieldpost/sensors/hostinfo"
	"fieldpost/sensors/simulated"
)

// BenchmarkSample takes samples as the grid does, without waiting for it.
func BenchmarkSample(b *testing.B) {
	for name, open := range map[string]sensors.Opener{
		"simulated": simulated.Open(simulated.Options{}),
		"host":      hostinfo.Open(hostinfo.Options{}),
	} {
		b.Run(name, func(b *testing.B) {
			s := sensors.NewSampler(sensors.SamplerOptions{Clock: clock.NewFake(time.Unix(0, 0)), Sensors: []sensors.Sensor{
				{Name: "a", Open: open, Every: sensors.MaxEvery},
			}})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = s.Run(ctx) }()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Read(ctx, "a"); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			<-done
		})
	}
}
