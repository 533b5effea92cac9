package simulated

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/sensors"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// series takes n samples, one a minute.
func series(t *testing.T, opt Options, n int) (out []sensors.Value) {
	t.Helper()
	fake := clock.NewFake(noon)
	opt.Clock = fake
	src, err := Open(opt)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		vs, err := src.Sense(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, vs...)
		fake.Advance(time.Minute)
	}
	return out
}

func TestDeterministic(t *testing.T) {
	a, b := series(t, Options{Seed: 7}, 200), series(t, Options{Seed: 7}, 200)
	if !slices.Equal(a, b) {
		t.Error("same seed, other values")
	}
	if slices.Equal(a, series(t, Options{Seed: 8}, 200)) {
		t.Error("other seed, same values")
	}
}

func TestShape(t *testing.T) {
	vs := series(t, Options{Seed: 3, Signals: []Signal{{Name: "x", Unit: "V", Base: 10, Amplitude: 2, Period: time.Hour, Noise: 0.1}}}, 6000)
	var sum, lo, hi float64
	lo = math.Inf(1)
	for _, v := range vs {
		if v.Name != "x" || v.Unit != "V" {
			t.Fatalf("%+v", v)
		}
		sum, lo, hi = sum+v.Num, min(lo, v.Num), max(hi, v.Num)
	}
	if mean := sum / float64(len(vs)); math.Abs(mean-10) > 0.05 {
		t.Errorf("mean %v, want 10", mean)
	}
	if lo < 7 || lo > 8.1 || hi > 13 || hi < 11.9 {
		t.Errorf("range %v..%v, want about 8..12", lo, hi)
	}
}

func TestEnds(t *testing.T) {
	if _, err := Open(Options{Signals: []Signal{}})(t.Context()); err == nil {
		t.Error("no signals, no error")
	}
	src, _ := Open(Options{})(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Sense(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}
