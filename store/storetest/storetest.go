// Package storetest opens stores for tests and judges them.
//
// Open runs a store in a temporary folder and, when the test ends, opens what it
// left once more to verify the equation of the counters, the order of the records
// and the bounds. Conformance is the suite that every layout of the file must
// pass, whatever its inside.
package storetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"fieldpost/store"
)

// hang is how long anything may take before the test is given up. It is no
// statement about speed.
const hang = 60 * time.Second

// Open returns a running store. Without Dir it lives in t.TempDir. When the test
// ends the store is stopped and its folder verified.
func Open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := store.New(o)
	t.Cleanup(func() { Verify(t, o) })
	Start(t, s)
	return s
}

// Start runs s until the returned function is called, or the test ends. A store
// whose Run fails fails the test.
func Start(t testing.TB, s *store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-end; err != nil {
				t.Errorf("run: %v", err)
			}
			Check(t, s)
		})
	}
	t.Cleanup(stop)
	return stop
}

// Ready waits until the file is open.
func Ready(t testing.TB, s *store.Store) {
	t.Helper()
	if _, err := s.Losses(ctx(t)); err != nil {
		t.Fatalf("wait for the queue: %v", err)
	}
	if st := s.Stats(); !st.Ready {
		t.Fatalf("queue is not open: %s", st.Opening)
	}
}

// Check verifies the equation of every class, and that it accounts for the losses.
func Check(t testing.TB, s *store.Store) {
	t.Helper()
	st := s.Stats()
	var lost, byReason uint64
	for c, p := range st.PerClass {
		if p.Produced != p.Delivered+p.Queued+p.Dead+p.Lost {
			t.Errorf("%s: produced %d is not delivered %d + queued %d + dead %d + lost %d",
				store.Class(c), p.Produced, p.Delivered, p.Queued, p.Dead, p.Lost)
		}
		if p.Bytes < 0 || (p.Bytes == 0) != (p.Queued == 0) {
			t.Errorf("%s: %d records queued have %d bytes", store.Class(c), p.Queued, p.Bytes)
		}
		lost += p.Lost
	}
	for _, n := range st.LostByReason {
		byReason += n
	}
	if lost != byReason {
		t.Errorf("%d records lost, %d by reason: %v", lost, byReason, st.LostByReason)
	}
}

// Verify opens the store of o, which must not be running, and drains it: records
// come in order, once, as many as are counted, within the bounds.
func Verify(t testing.TB, o store.Options) {
	t.Helper()
	s := store.New(o)
	stop := Start(t, s)
	defer stop()
	if _, err := s.Losses(ctx(t)); err != nil {
		t.Errorf("verify: %v", err)
		return
	}
	if s.Stats().Ready {
		Flush(t, s) // what was leased may have kept the file above its limit
	}
	Drained(t, s, o)
}

// Drained drains s and verifies what comes.
func Drained(t testing.TB, s *store.Store, o store.Options) []store.Record {
	t.Helper()
	type run struct {
		store [8]byte
		epoch uint32
		class store.Class
	}
	last := make(map[run]uint64)
	seen := make(map[store.ID]bool)
	var all []store.Record
	for {
		Check(t, s)
		st := s.Stats()
		var queued uint64
		for _, p := range st.PerClass {
			queued += p.Queued
		}
		if limit := o.MaxBytes; limit > 0 && st.StoredBytes > limit {
			t.Errorf("%d bytes on disk, at most %d are allowed", st.StoredBytes, limit)
		}
		if queued == 0 {
			return all
		}
		l := Next(t, s, store.Want{Records: 500})
		if l == nil {
			t.Errorf("%d records queued, none is handed out", queued)
			return all
		}
		var class store.Class
		for _, r := range l.Records() {
			k := run{r.Store, r.Epoch, r.Class}
			switch {
			case seen[r.ID]:
				t.Errorf("record %s came twice", r.ID)
			case r.Seq <= last[k]:
				t.Errorf("record %s came after sequence %d", r.ID, last[k])
			case r.Class < class:
				t.Errorf("record %s came after one of class %s", r.ID, class)
			}
			seen[r.ID], last[k], class = true, r.Seq, r.Class
		}
		all = append(all, l.Records()...)
		l.Ack()
	}
}

// Next is s.Next with the patience of a test; nil when nothing comes.
func Next(t testing.TB, s *store.Store, w store.Want) *store.Lease {
	t.Helper()
	c, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	l, err := s.Next(c, w)
	if err != nil {
		t.Errorf("next: %v", err)
		return nil
	}
	return l
}

// Append is s.Append that must go well.
func Append(t testing.TB, s *store.Store, recs ...store.Record) store.Ticket {
	t.Helper()
	tk, err := s.Append(ctx(t), recs...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return tk
}

// Flush is s.Flush that must go well.
func Flush(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Flush(ctx(t)); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), hang)
	t.Cleanup(cancel)
	return c
}

// Noise is a text of n bytes that does not get smaller by packing.
func Noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

// Rec is a record of class c with body.
func Rec(c store.Class, body string) store.Record {
	kind := store.KindTelemetry
	switch c {
	case store.Alarm:
		kind = store.KindEvent
	case store.Result:
		kind = store.KindResult
	}
	r := store.Record{ID: store.ID{Class: c}, Kind: kind, ContentType: "application/json", Body: []byte(body)}
	r.Stamp.Wall = time.Now()
	return r
}
