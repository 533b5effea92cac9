package uplink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldpost/store"
)

var errHeld = errors.New("held: the day's budget is used up")

// lookAgain is how often the clock is asked whether another day has begun: it may
// have been set.
const lookAgain = time.Minute

// urgent are the classes that wait for no budget and for no company.
var urgent = []store.Class{store.Alarm, store.Result}

// lease takes the next records from the store. It returns none when there is
// something else to do first.
func (f *flight) lease(ctx context.Context) (parcel, error) {
	want := store.Want{LiveFirst: f.opts.LiveFirst}
	want.Records, want.Bytes = f.ration()
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	if left, held := f.held(); held {
		want.Classes = urgent
		wait, cancel = context.WithTimeout(wait, left)
		defer cancel()
	}
	if !f.await(cancel) {
		return parcel{}, nil
	}
	if _, held := f.held(); held != (want.Classes != nil) {
		return parcel{}, nil // it changed before a change could end the wait
	}
	lease, err := f.opts.Store.Next(wait, want)
	f.await(func() {})
	switch {
	case err == nil:
	case ctx.Err() == nil && wait.Err() != nil:
		return parcel{}, nil
	default:
		return parcel{}, fmt.Errorf("lease records: %w", err)
	}
	p := parcel{lease: lease, records: lease.Records()}
	if f.opts.PackWait > 0 && want.Classes == nil && !full(p.records, want) {
		f.shut(time.Now().Add(f.opts.PackWait))
	}
	return p, nil
}

// ration is how much to lease at a time: what one transfer may hold, or half a
// window of single messages.
func (f *flight) ration() (records, bytes int) {
	records, bytes = f.share()
	way := f.pace.load()
	if records == 1 && way.plea != pleaQuota {
		records, bytes = max(1, way.limit/2), way.maxBytes/2
		if f.opts.Rate > 0 { // an alarm waits for what is leased
			records = min(records, max(1, int(f.opts.Rate)))
		}
	}
	return records, bytes
}

// full reports whether more may wait than was leased.
func full(records []store.Record, want store.Want) bool {
	n := 0
	for i := range records {
		n += size(&records[i])
	}
	return len(records) >= want.Records || n >= want.Bytes/4*3
}

// held reports for how long readings wait: for another day's budget, or for
// others to share their message.
func (f *flight) held() (left time.Duration, yes bool) {
	if left, yes = f.budget.exhausted(); yes {
		return min(left, lookAgain), true
	}
	return f.gathering()
}

// shut has readings wait until then for others to share their message.
func (d *Drain) shut(until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = until
}

// gathering reports for how long readings wait for others to share their message.
func (d *Drain) gathering() (left time.Duration, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left = time.Until(d.gate)
	return left, d.opts.Pack && left > 0 && d.hurried == 0
}

// mustWait reports whether a record of that class was leased and cannot be paid for.
func (f *flight) mustWait(c store.Class) bool {
	if slices.Contains(urgent, c) {
		return false
	}
	_, over := f.budget.exhausted()
	return over
}

// await has wake called by rouse from now on. It reports false when there is
// something to send already.
func (f *flight) await(wake func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = wake
	return len(f.suspects) == 0
}
