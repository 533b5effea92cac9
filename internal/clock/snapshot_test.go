package clock

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A snapshot says of every stamp what its timeline says at the same moment, and
// does not change when the clock does.
func TestSnapshotIsTheTimelineOfAMoment(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		f := NewFake(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
		line := NewTimeline(f)
		var stamps []Stamp
		for range 20 {
			switch f.Advance(time.Second); r.IntN(5) {
			case 0:
				f.Reboot()
			case 1, 2:
				f.SetTrust(Trust(r.IntN(3)))
			case 3:
				f.SetWall(f.Now().Wall.Add(time.Duration(r.IntN(100)) * time.Minute))
			}
			stamps = append(stamps, f.Now())
			line.Resolve(f.Now())
		}
		type answer struct {
			at  time.Time
			off time.Duration
		}
		var want []answer
		for _, s := range stamps {
			at, off := line.Resolve(s)
			want = append(want, answer{at, off})
		}
		snapshot := line.Snapshot()
		f.SetTrust(TrustSynced)
		f.SetWall(f.Now().Wall.Add(time.Hour))
		for i, s := range stamps {
			if at, off := snapshot.Resolve(s); !at.Equal(want[i].at) || off != want[i].off {
				t.Fatalf("stamp %+v: %v ± %v, want %+v", s, at, off, want[i])
			}
		}
	}
}
