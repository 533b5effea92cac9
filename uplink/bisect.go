package uplink

import "fieldpost/store"

// parcel is a part of a lease that is to be sent: in the order of the store, or
// what a rejected transfer held.
type parcel struct {
	lease   *store.Lease
	records []store.Record
	trial   *trial // nil for what was not rejected
}

// trial finds the record for which a transfer of many was rejected. Both halves
// are sent again at once, and again the half that is rejected: the one to blame
// is alone after log2(n) rounds, while the others are accepted and whatever else
// is in the window goes on. Only the settling side touches it.
type trial struct {
	open    int  // records without a verdict
	guilty  bool // one was set aside, or it cannot be told any more
	tooMuch bool // the hub spoke of size
	size    int  // of the transfer that was rejected, bytes
}

// bisect has the records of it sent again in two halves.
func (f *flight) bisect(it *item, tooMuch bool) {
	half := (len(it.records) + 1) / 2
	f.mu.Lock()
	defer f.mu.Unlock()
	t := it.trial
	if t == nil {
		t = &trial{open: len(it.records), tooMuch: tooMuch, size: it.size}
		f.stats.Bisected++
	}
	f.suspects = append(f.suspects,
		parcel{it.lease, it.records[:half], t}, parcel{it.lease, it.records[half:], t})
	it.lease = nil
	f.wake()
}

// suspect takes a parcel that bisect made.
func (f *flight) suspect() (p parcel, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.suspects) == 0 {
		return parcel{}, false
	}
	p = f.suspects[0]
	f.suspects = f.suspects[1:]
	return p, true
}

// verdict notes that the records of a trial were taken, or why that proves
// nothing about the others.
func (f *flight) verdict(t *trial, records int, guilty bool) {
	if t == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.open -= records
	t.guilty = t.guilty || guilty
	if t.open > 0 || t.guilty {
		return
	}
	// Each was taken: it is the batch as such that the hub does not want.
	most := 0
	if t.tooMuch {
		most = t.size / 2
	}
	f.most = min(f.most, most)
	f.opts.Log.Warn("the hub takes the messages of a batch, but not the batch: smaller ones are sent on this link, or none", "most_bytes", f.most)
}
