package boardsim

import (
	"math"
	"math/rand/v2"
	"time"
)

// NewDemoBoard returns a board with one BME280 in a room, at address 0x76 of
// /dev/i2c-1, and any line an output asks for.
func NewDemoBoard(seed uint64) *Board {
	part := NewBME280()
	part.Drive(Room(seed))
	return New(Options{Buses: []*Bus{NewBus("/dev/i2c-1", map[uint16]Part{0x76: part})}})
}

// Room returns what a BME280 in a lived-in room measures, for BME280.Drive: it
// drifts slowly enough to be believed and fast enough to be seen within a
// minute. The same seed and time give the same values.
func Room(seed uint64) func(at time.Time) (tempC, humidityPct, pressureHPa float64) {
	random := rand.New(rand.NewPCG(seed, 0))
	wave := func(period time.Duration) func(time.Time) float64 {
		phase := 2 * math.Pi * random.Float64()
		return func(at time.Time) float64 {
			return math.Sin(2*math.Pi*math.Mod(float64(at.UnixNano()), float64(period))/float64(period) + phase)
		}
	}
	day, heating, draught := wave(24*time.Hour), wave(15*time.Minute), wave(47*time.Second)
	weather, door := wave(72*time.Hour), wave(5*time.Minute)
	return func(at time.Time) (float64, float64, float64) {
		return 21.5 + 1.5*day(at) + 0.6*heating(at) + 0.12*draught(at),
			44 - 4*day(at) - 1.5*heating(at) + 0.4*draught(at),
			1013.2 + 3*weather(at) + 0.15*door(at)
	}
}
