package store

import (
	"context"
	"testing"
)

// TestFileAtItsLimit: a file that may not grow any more loses its oldest telemetry
// and goes on.
func TestFileAtItsLimit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := New(Options{Dir: t.TempDir(), NoSync: true})
	end := make(chan error)
	go func() { end <- s.Run(ctx) }()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	s.io <- struct{}{}
	bound := s.disk.size()
	s.disk.db.MaxSize = int(bound)
	<-s.io
	for i := range 5000 {
		c := Telemetry
		if i%100 == 0 {
			c = Alarm
		}
		if _, err := s.Append(ctx, Record{ID: ID{Class: c}, Body: noise(1000)}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			if err := s.Flush(ctx); err != nil && !isFull(err) {
				t.Fatal(err)
			}
		}
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	if st.Full == "" || st.LastError != st.Full || st.PerClass[Alarm].Lost != 0 || st.PerClass[Telemetry].Queued < 100 || st.LostByReason[LostQueueFull] == 0 || st.LostByReason[LostMemoryFull] != 0 {
		t.Errorf("stats %+v", st)
	}
	if st.DiskBytes > uint64(bound) {
		t.Errorf("%d bytes on disk", st.DiskBytes)
	}
	for c, p := range st.PerClass {
		if p.Produced != p.Delivered+p.Queued+p.Dead+p.Lost {
			t.Errorf("class %d: %+v", c, p)
		}
	}
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
}
