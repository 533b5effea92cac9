package store_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestShrink: an empty file beyond 32 MiB is made anew within a minute, with the
// dead letters and the journal; a small or a filled one is left alone.
func TestShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := store.Options{Dir: t.TempDir(), NoSync: true, CommitEvery: time.Second, CommitBytes: 1 << 20, MaxBytes: 60 << 20}
		s := store.New(o)
		stop := storetest.Start(t, s)
		storetest.Ready(t, s)
		for range 44 {
			for range 10 {
				storetest.Append(t, s, storetest.Rec(store.Telemetry, storetest.Noise(100_000)))
			}
			storetest.Flush(t, s)
		}
		l := storetest.Next(t, s, store.Want{})
		dead := l.Records()[0].ID
		l.Dead(dead, errors.New("no"))
		c := store.Command{MessageID: "m", Seq: 1}
		if _, err := s.Journal().Begin(bg, c); err != nil {
			t.Fatal(err)
		}
		for s.Stats().PerClass[store.Telemetry].Queued > 1 {
			l := storetest.Next(t, s, store.Want{Records: 50})
			if l.Ack(); s.Stats().PerClass[store.Telemetry].Queued == 0 {
				storetest.Append(t, s, storetest.Rec(store.Telemetry, "last"))
			}
		}
		time.Sleep(time.Hour)
		if n := s.Stats().DiskBytes; n < 32<<20 {
			t.Fatalf("%d bytes with a record in it", n)
		}
		storetest.Next(t, s, store.Want{}).Ack()
		time.Sleep(time.Minute)
		before := s.Stats()
		if before.DiskBytes > 8<<20 || !before.Ready {
			t.Errorf("%d bytes a minute after it was empty: %s", before.DiskBytes, before.Opening)
		}
		if st, err := s.Journal().Begin(bg, c); err != nil || st.Phase != store.PhaseStarted {
			t.Errorf("begin: %+v, %v", st, err)
		}
		if dl, err := s.DeadLetters(bg); err != nil || len(dl) != 1 || dl[0].Record.ID != dead {
			t.Errorf("dead letters %v, %v", dl, err)
		}
		if got := s.Stats().LostByReason; len(got) != 0 {
			t.Errorf("lost %v", got)
		}
		if got := asides(t, o.Dir); len(got) != 0 {
			t.Errorf("set aside %v", got)
		}
		stop()
		storetest.Verify(t, o)
	})
}
