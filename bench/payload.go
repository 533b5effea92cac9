package main

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// payloadBytes is the length of every reading of the benchmark.
const payloadBytes = 200

// sampler makes readings as a small weather station gives them: JSON, values that
// walk, digits that do not repeat. Constant text would flatter whoever compresses.
type sampler struct {
	rng  *rand.Rand
	at   time.Time
	seq  int64
	walk [6]float64
}

func newSampler(seed uint64) *sampler {
	return &sampler{
		rng:  rand.New(rand.NewPCG(seed, 1)),
		at:   time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC),
		walk: [6]float64{21.5, 44.1, 100934.2, 412, 3.29, 17.8},
	}
}

// next returns one reading of payloadBytes bytes, not to be reused by the sampler.
func (s *sampler) next() []byte {
	names := [...]string{"temperature", "humidity", "pressure", "co2", "battery", "dewpoint"}
	steps := [...]float64{0.04, 0.2, 4, 3, 0.003, 0.05}
	s.at = s.at.Add(time.Second + time.Duration(s.rng.IntN(20))*time.Millisecond)
	s.seq++
	b := make([]byte, 0, payloadBytes)
	b = append(b, `{"sensor":"bme280-`...)
	b = strconv.AppendInt(b, s.seq%4, 10)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, s.seq, 10)
	b = append(b, `,"time":"`...)
	b = s.at.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, '"')
	for i, name := range names {
		s.walk[i] += steps[i] * s.rng.NormFloat64()
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":`...)
		b = strconv.AppendFloat(b, s.walk[i], 'f', 2, 64)
	}
	b = append(b, `,"site":"`...)
	for i := 0; len(b) < payloadBytes-2; i++ {
		b = append(b, "north field, row 12, post 7, mast A, west"[i%41])
	}
	return append(b[:payloadBytes-2], `"}`...)
}

// group returns the next n readings.
func (s *sampler) group(n int) [][]byte {
	g := make([][]byte, n)
	for i := range g {
		g[i] = s.next()
	}
	return g
}
