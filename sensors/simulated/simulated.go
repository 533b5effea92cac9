// Package simulated is a sensor without hardware: a seeded signal of a sine and
// noise, for demonstrations, load and tests.
//
// The values depend on the seed and on the time of the clock and on nothing
// else, so two runs with the same seed and clock give the same readings.
package simulated

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/sensors"
)

// Signal is one value that a simulated sensor gives:
// Base + Amplitude*sin(2π t/Period) + Noise*n, with n normally distributed.
type Signal struct {
	Name      string        // of the value
	Unit      string        // of the value, UCUM
	Base      float64       // in Unit
	Amplitude float64       // in Unit
	Period    time.Duration // of the sine; default 1 h
	Noise     float64       // standard deviation, in Unit
}

// Options says what a simulated sensor gives.
type Options struct {
	Seed    uint64      // moves the sine and draws the noise; default 0
	Signals []Signal    // the values; default temperature, humidity and pressure of a room
	Clock   clock.Clock // whose boot time is t; default clock.System()
}

// Open returns an opener for a simulated sensor. It fails only when the context
// has ended.
func Open(opt Options) sensors.Opener {
	if opt.Signals == nil {
		opt.Signals = []Signal{
			{Name: "temperature", Unit: "Cel", Base: 21, Amplitude: 3, Noise: 0.05},
			{Name: "humidity", Unit: "%", Base: 45, Amplitude: 8, Period: 90 * time.Minute, Noise: 0.2},
			{Name: "pressure", Unit: "hPa", Base: 1013.2, Amplitude: 6, Period: 18 * time.Hour, Noise: 0.05},
		}
	}
	if opt.Clock == nil {
		opt.Clock = clock.System()
	}
	return func(ctx context.Context) (sensors.Source, error) {
		if len(opt.Signals) == 0 {
			return nil, errors.New("simulated: no signals")
		}
		return newSource(opt), context.Cause(ctx)
	}
}

type source struct {
	opt   Options
	waves []wave
	draws *rand.PCG // seeded anew for each value
	noise *rand.Rand
}

// wave is a signal with what is drawn for it once.
type wave struct {
	Signal
	name  uint64  // its hash
	phase float64 // of the sine
}

func newSource(opt Options) *source {
	s := &source{opt: opt, draws: rand.NewPCG(0, 0)}
	s.noise = rand.New(s.draws)
	for _, g := range opt.Signals {
		h := fnv.New64a()
		h.Write([]byte(g.Name))
		w := wave{Signal: g, name: h.Sum64()}
		s.draws.Seed(opt.Seed, w.name)
		w.phase = 2 * math.Pi * s.noise.Float64()
		if w.Period <= 0 {
			w.Period = time.Hour
		}
		s.waves = append(s.waves, w)
	}
	return s
}

// Sense implements sensors.Source.
func (s *source) Sense(ctx context.Context) ([]sensors.Value, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	t := s.opt.Clock.Now().BootTime
	vs := make([]sensors.Value, len(s.waves))
	for i := range s.waves {
		vs[i] = sensors.Value{Name: s.waves[i].Name, Unit: s.waves[i].Unit, Num: s.at(&s.waves[i], t)}
	}
	return vs, nil
}

// Close implements sensors.Source.
func (*source) Close() error { return nil }

// at returns the signal at t. The generator begins anew for every t, so that a
// value does not depend on which ones were asked for before.
func (s *source) at(w *wave, t time.Duration) float64 {
	s.draws.Seed(s.opt.Seed^uint64(t), w.name)
	angle := 2 * math.Pi * math.Mod(t.Seconds(), w.Period.Seconds()) / w.Period.Seconds()
	return w.Base + w.Amplitude*math.Sin(angle+w.phase) + w.Noise*s.noise.NormFloat64()
}
