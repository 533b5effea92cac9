package store

import (
	"testing"
	"time"

	"fieldpost/internal/clock"
)

// A snapshot dates stamps of the present boot and of earlier ones as the table does.
func TestBootSnapshotIsTheTable(t *testing.T) {
	f := clock.NewFake(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	table := newBootTable(f)
	var stamps []clock.Stamp
	for _, trust := range []clock.Trust{clock.TrustNone, clock.TrustPlausible, clock.TrustSynced, clock.TrustNone} {
		f.SetTrust(clock.TrustNone)
		f.Advance(time.Minute)
		stamps = append(stamps, f.Now())
		f.SetTrust(trust)
		f.Advance(time.Minute)
		stamps = append(stamps, f.Now())
		table.Resolve(f.Now())
		f.Reboot()
	}
	stamps = append(stamps, f.Now(), clock.Stamp{Boot: [16]byte{1}, Trust: clock.TrustPlausible, Wall: time.Unix(1e9, 0)})
	snapshot, known := table.Snapshot(), 0
	for _, s := range stamps {
		want, off := table.Resolve(s)
		if at, o := snapshot.Resolve(s); !at.Equal(want) || o != off {
			t.Errorf("stamp %+v: %v ± %v, want %v ± %v", s, at, o, want, off)
		}
		if !want.IsZero() {
			known++
		}
	}
	if known < 5 {
		t.Errorf("%d stamps are dated: this shows nothing", known)
	}
}
