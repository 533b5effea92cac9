package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/store/storetest"
)

// Boots, and the ends that nobody has ordered, are counted over restarts; a kill of
// the agent is told from a power cut by the boot.
func TestBootsAreCounted(t *testing.T) {
	fake := clock.NewFake(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	for i, step := range []struct {
		reboots             int
		killed              bool // so ends the run
		ended               store.Ending
		number, cuts, kills uint32
	}{
		{0, false, store.EndedUnknown, 1, 0, 0},
		{0, true, store.EndedClean, 1, 0, 0},
		{0, true, store.EndedKilled, 1, 0, 1},
		{1, false, store.EndedCut, 2, 1, 1},
		{1, true, store.EndedClean, 3, 1, 1},
		{1, false, store.EndedCut, 4, 2, 1},
		{0, false, store.EndedClean, 4, 2, 1},
	} {
		for range step.reboots {
			fake.Reboot()
		}
		fake.Advance(time.Minute)
		s := store.New(store.Options{Dir: dir, Clock: fake})
		stop := storetest.Start(t, s)
		storetest.Append(t, s, storetest.Rec(store.Alarm, "x"))
		storetest.Flush(t, s)
		boots := s.Boots().Entries()
		if b := boots[len(boots)-1]; s.Boots().Ended() != step.ended || b.Number != step.number || b.Cuts != step.cuts || b.Kills != step.kills {
			t.Errorf("run %d: ended %v, boot %+v; want %+v", i, s.Boots().Ended(), b, step)
		}
		if step.killed {
			away := t.TempDir()
			for _, name := range []string{"identity", "queue.db"} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err == nil {
					err = os.WriteFile(filepath.Join(away, name), b, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			dir = away
		}
		stop()
	}
}
