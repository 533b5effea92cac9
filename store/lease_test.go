package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// leased returns a store with n records, in memory or on disk only, and a lease of
// them all.
func leased(t *testing.T, n int, onDisk bool) (*store.Store, *store.Lease, []store.ID) {
	t.Helper()
	o := store.Options{Dir: t.TempDir(), CommitEvery: time.Hour}
	s := store.New(o)
	stop := storetest.Start(t, s)
	var ids []store.ID
	for range n {
		ids = append(ids, storetest.Append(t, s, storetest.Rec(store.Telemetry, storetest.Noise(300))).IDs()...)
	}
	if onDisk {
		stop()
		s = store.New(o)
		storetest.Start(t, s)
		storetest.Ready(t, s)
	}
	l := storetest.Next(t, s, store.Want{Records: n})
	if len(l.Records()) != n {
		t.Fatalf("%d records, want %d", len(l.Records()), n)
	}
	return s, l, ids
}

// TestLeaseSettlesOnce: each record of a lease is settled once, in any order, and
// nothing else is.
func TestLeaseSettlesOnce(t *testing.T) {
	for name, onDisk := range map[string]bool{"memory": false, "disk": true} {
		t.Run(name, func(t *testing.T) {
			s, l, ids := leased(t, 40, onDisk)
			foreign := ids[0]
			foreign.Epoch++
			beyond := ids[39]
			beyond.Seq++
			l.Ack(ids[5], ids[5], foreign, beyond, ids[3], ids[4], ids[39], store.ID{})
			l.Ack(ids[39])
			l.Dead(ids[3], errors.New("settled before"))
			l.Dead(ids[7], errors.New("no"))
			l.Release(ids[5], ids[6])
			l.Ack(ids[6])
			st := s.Stats().PerClass[store.Telemetry]
			if st.Delivered != 4 || st.Dead != 1 || st.Queued != 35 {
				t.Errorf("counters %+v", st)
			}
			again := storetest.Next(t, s, store.Want{Records: 40})
			if len(again.Records()) != 1 || again.Records()[0].ID != ids[6] {
				t.Errorf("released: %v", again.Records())
			}
			l.Release(ids[6]) // it is in the other lease now
			l.Ack()
			if st := s.Stats().PerClass[store.Telemetry]; st.Delivered != 38 || st.Queued != 1 {
				t.Errorf("counters %+v", st)
			}
			again.Ack()
			again.Release()
			storetest.Flush(t, s)
			if st := s.Stats(); st.PerClass[store.Telemetry].Queued != 0 || st.MemoryBytes != 0 {
				t.Errorf("%d bytes in memory, counters %+v", st.MemoryBytes, st.PerClass[store.Telemetry])
			}
		})
	}
}

// TestReleasedComesAgain: what goes back is handed out again in order and with the
// same content, whatever was read meanwhile.
func TestReleasedComesAgain(t *testing.T) {
	s, l, ids := leased(t, 600, true) // of two reads
	want := slices.Clone(l.Records())
	var odd []store.ID
	for i, id := range ids {
		if i%2 == 1 {
			odd = append(odd, id)
		}
	}
	slices.Reverse(odd)
	l.Release(odd...)
	l.Ack()
	again := storetest.Next(t, s, store.Want{Records: 600})
	if len(again.Records()) != 300 {
		t.Fatalf("%d records", len(again.Records()))
	}
	for i, r := range again.Records() {
		if w := want[2*i+1]; r.ID != w.ID || string(r.Body) != string(w.Body) {
			t.Errorf("record %d is %s %.20q, want %s %.20q", i, r.ID, r.Body, w.ID, w.Body)
		}
	}
	if n := s.Stats().MemoryBytes; n < 300*300 || n > 300*600 {
		t.Errorf("%d bytes in memory for 300 records: they are to be apart from the blocks they were read with", n)
	}
	again.Ack()
	if n := s.Stats().MemoryBytes; n != 0 {
		t.Errorf("%d bytes in memory, none is queued", n)
	}
}
