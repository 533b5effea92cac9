package store

import (
	"errors"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// makeRoom evicts what the limit of the disk leaves no room for: the oldest of the
// least urgent class first, on disk before those about to be put. Records that are
// leased stay: they may be delivered already.
func (s *Store) makeRoom(tx *bolt.Tx, b *batch) error {
	need := b.state.DeadLetters.Bytes - b.limit
	for c := range b.state.Classes {
		need += b.state.Classes[c].Bytes
	}
	for c := int(Telemetry); c >= int(Alarm) && need > 0; c-- {
		freed, err := s.evictStored(tx, b, Class(c), need)
		if err != nil {
			return err
		}
		if need -= freed; need > 0 {
			need -= s.evictPuts(b, Class(c), need)
		}
	}
	for c := range b.state.Classes {
		pc := &b.state.Classes[c]
		pc.Count -= min(b.evicted[c].Count, pc.Count)
		pc.Bytes = max(pc.Bytes-b.evicted[c].Bytes, 0)
		pc.Lost += b.evicted[c].Count + b.undead[c]
		pc.Dead -= b.undead[c]
	}
	return nil
}

func (s *Store) evictStored(tx *bolt.Tx, b *batch, class Class, need int64) (freed int64, err error) {
	bucket := tx.Bucket(bucketQueue)
	var drop [][]byte
	cur := bucket.Cursor()
	for k, v := cur.Seek([]byte{byte(class)}); k != nil && freed < need; k, v = cur.Next() {
		p, ok := parseKey(k, s.run)
		if !ok || p.class != class {
			break
		}
		if !s.claim(b, p) {
			continue
		}
		size := len(v) + recordOverhead
		freed += int64(size)
		drop = append(drop, slices.Clone(k))
		b.evicted[class].add(1, size)
		if r, err := decodeRecord(v); err == nil {
			b.lost.add(lossOf(LostQueueFull, &r, size))
		} else {
			b.lost.add(Loss{Reason: LostQueueFull, Class: class, Epoch: s.epochOf(p), FirstSeq: p.seq, LastSeq: p.seq, Count: 1, Bytes: uint64(size)})
		}
	}
	for _, k := range drop {
		if err := bucket.Delete(k); err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// claim takes a stored record away from Next, unless it is leased or settled. The
// outstanding ledger record stays: another would have to tell of its loss.
func (s *Store) claim(b *batch, k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.led.tells(k) {
		return false
	}
	if e := s.known[k]; e != nil {
		if e.state != free {
			return false
		}
		s.claimed(b, e)
	}
	return true
}

func (s *Store) claimed(b *batch, e *entry) {
	e.state = claimed
	s.q[e.class].leave(e)
	b.victims = append(b.victims, e)
}

func (s *Store) evictPuts(b *batch, class Class, need int64) (freed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.puts = slices.DeleteFunc(b.puts, func(e *entry) bool {
		if freed >= need || e.class != class || e.state != free || s.led.tells(e.key) {
			return false
		}
		s.claimed(b, e)
		e.committing = false
		freed += int64(e.size)
		b.evicted[class].add(1, e.size)
		b.unput[class].add(1, e.size)
		b.lost.add(lossOf(LostQueueFull, &e.rec, e.size))
		return true
	})
	return freed
}

// writeLedger writes the entries that changed, and those that this transaction's
// losses change.
func (s *Store) writeLedger(tx *bolt.Tx, b *batch) error {
	bucket := tx.Bucket(bucketLedger)
	s.mu.Lock()
	b.state.Reasons = maps.Clone(b.state.Reasons)
	for _, l := range b.lost {
		p := s.led.plan(l)
		p.Loss.join(l)
		b.plans = append(b.plans, p)
		b.state.Reasons[l.Reason] += l.Count
	}
	b.state.Ledger = s.led.next
	s.mu.Unlock()
	for i := range b.ledger {
		if err := putJSON(bucket, numberKey(b.ledger[i].ID), &b.ledger[i]); err != nil {
			return err
		}
	}
	for _, p := range b.plans {
		if err := putJSON(bucket, numberKey(p.ID), p); err != nil {
			return err
		}
	}
	var errs []error
	for _, id := range b.forget {
		errs = append(errs, bucket.Delete(numberKey(id)))
	}
	return errors.Join(errs...)
}

// bookEvicted takes up what the transaction evicted.
func (s *Store) bookEvicted(b *batch) {
	for c := range s.q {
		q, ev, un := &s.q[c], b.evicted[c], b.unput[c]
		q.stats.Queued -= ev.Count
		q.stats.Lost += ev.Count + b.undead[c]
		q.stats.Dead -= b.undead[c]
		q.stats.Bytes -= ev.Bytes
		q.disk.Count -= min(ev.Count-un.Count, q.disk.Count)
		q.disk.Bytes = max(q.disk.Bytes-(ev.Bytes-un.Bytes), 0)
	}
	for _, e := range b.victims {
		e.state = gone
		s.clean(e)
		e.resolve(ErrLost)
		s.forget(e)
	}
	for i, l := range b.lost {
		s.led.apply(b.plans[i].ID, l)
		s.byReason[l.Reason] += l.Count
		for _, e := range s.led.entries {
			if e.ID == b.plans[i].ID && e.Loss == b.plans[i].Loss && !e.Reported {
				e.dirty = false // written as it is
			}
		}
	}
	if len(b.lost) > 0 {
		s.report()
	}
}

// giveBack undoes the claims of a transaction that failed.
func (s *Store) giveBack(b *batch) {
	for _, e := range b.victims {
		q := &s.q[e.class]
		if e.onDisk {
			s.forget(e)
			q.unread(e.key)
			continue
		}
		again := *e
		again.state = free
		e.state, e.receipt, e.counted = gone, nil, false // its place in the lists may be gone
		s.known[again.key] = &again
		q.tidy()
		q.dirty.insert(&again)
		q.put(&again)
	}
}

// limit is how many bytes may lie on disk, by the options or by what the disk was
// found to hold.
func (s *Store) limit() int64 {
	if s.tight > 0 && s.now() < s.tightEnd {
		return s.tight
	}
	s.tight = 0
	return s.o.MaxBytes
}

// tighten lowers the limit after the file could not grow: at once when it is at
// its own limit; when the disk is full, not before memory is half full too.
func (s *Store) tighten(err error) {
	own := errors.Is(err, berrors.ErrMaxSizeReached)
	if !own && s.memBytes < s.o.MaxMemory/2 {
		return
	}
	s.tight = min(s.limit(), s.onDiskBytes()) * 7 / 8
	s.tightEnd = s.now() + tightFor
	if own && s.retries < ownRetries {
		s.retryAt = 0
	}
}

// trims says that records must be evicted in a commit of their own before size
// bytes are put: pages that a transaction frees are for the next one only, and the
// file cannot grow.
func (s *Store) trims(size int) bool {
	return s.tight > 0 && !s.trimmed && s.onDiskBytes()+int64(size) > s.tight
}

func (s *Store) onDiskBytes() int64 {
	total := s.dead.disk.Bytes
	for c := range s.q {
		total += s.q[c].disk.Bytes
	}
	return total
}

// ownRetries is how often the limit is lowered without a pause.
const ownRetries = 20

// tightFor is how long a lowered limit holds before the file may try to grow again.
const tightFor = 10 * time.Minute
