package store

import (
	"slices"

	bolt "go.etcd.io/bbolt"
)

// makeRoom evicts what the limit of the disk leaves no room for: the oldest of the
// least urgent class first, on disk before those about to be put. Blocks of which
// a record is leased stay: it may be delivered already.
func (s *Store) makeRoom(tx *bolt.Tx, b *batch) error {
	var fresh [Classes]int64
	for i := range b.blocks {
		fresh[b.blocks[i].head.class] += int64(b.blocks[i].head.storedSize)
	}
	blocks := tx.Bucket(bucketBlocks)
	if err := s.evictAged(blocks, b); err != nil {
		return err
	}
	size := func(c Class) int64 { return b.state.Classes[c].Bytes + fresh[c] }
	urgent := b.state.DeadLetters.Bytes + size(Alarm) + size(Result)
	need := size(Telemetry) + max(urgent, min(s.o.Reserve, b.limit/2)) - b.limit
	for c := int(Telemetry); c >= int(Alarm) && need > 0; c-- {
		freed, err := s.overflow(blocks, b, Class(c), need)
		if err != nil {
			return err
		}
		if need -= freed; need > 0 {
			freed := s.evictPuts(b, Class(c), need)
			fresh[c] -= freed
			need -= freed
		}
		if c == int(Telemetry) && need > 0 {
			need = min(need, urgent-b.limit)
		}
	}
	for c := range b.state.Classes {
		pc, ev := &b.state.Classes[c], &b.evicted[c]
		pc.less(ev.Count, int(ev.Raw))
		pc.Bytes += fresh[c]
		pc.Lost += ev.Count + b.undead[c]
		pc.Dead -= b.undead[c]
	}
	return nil
}

// overflow frees need bytes of a class, or as many as it can.
func (s *Store) overflow(bucket *bolt.Bucket, b *batch, class Class, need int64) (freed int64, err error) {
	if s.o.Overflow[class] == ThinOut {
		if freed, err = s.thin(bucket, b, class, need); err != nil || freed >= need {
			return freed, err
		}
	}
	more, err := s.evictStored(bucket, b, class, LostQueueFull, func(freed int64, _ []Record) bool { return freed < need })
	return freed + more, err
}

// evictAged loses telemetry that is too old.
func (s *Store) evictAged(bucket *bolt.Bucket, b *batch) error {
	if s.o.MaxAge <= 0 {
		return nil
	}
	_, err := s.evictStored(bucket, b, Telemetry, LostTooOld, func(_ int64, recs []Record) bool {
		return len(recs) > 0 && s.boots.age(recs[len(recs)-1].Stamp, b.now) > s.o.MaxAge
	})
	return err
}

// evictStored evicts blocks, the oldest first, while go on says so of what was
// freed and of the next one's records.
func (s *Store) evictStored(bucket *bolt.Bucket, b *batch, class Class, reason string, goOn func(int64, []Record) bool) (freed int64, err error) {
	var drop [][]byte
	cur := bucket.Cursor()
	for k, v := cur.Seek([]byte{byte(class)}); k != nil; k, v = cur.Next() {
		first, n, ok := parseBlockKey(k, s.run)
		if !ok || first.class != class {
			break
		}
		s.disk.read(bucket.Tx(), len(v))
		h, recs, err := s.packer.decodeBlock(k, v, s.run)
		if err != nil {
			h = blockHead{key: first, n: n, last: first.seq + uint64(n) - 1}
		}
		if !goOn(freed, recs) {
			break
		}
		if err == nil && h.txn == s.writing {
			b.again = true // what of it is in memory cannot be told before it is booked
			continue
		}
		if !s.claim(b, &h, recs, reason) {
			continue
		}
		freed += int64(len(v) + blockOverhead)
		drop = append(drop, slices.Clone(k))
	}
	for _, k := range drop {
		if err := bucket.Delete(k); err != nil {
			return freed, err
		}
	}
	b.state.Classes[class].Bytes -= freed
	return freed, nil
}

// claim takes what is left of a stored block away from Next, unless a record of it
// is leased. The outstanding ledger record stays: another would have to tell of
// its loss. recs is empty when the block is damaged.
func (s *Store) claim(b *batch, h *blockHead, recs []Record, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	blk := s.blockAt(h)
	if blk != nil && (blk.left == 0 || len(recs) == 0 && blk.refs > 0) {
		return false
	}
	var victims []*entry
	var lost tally
	var sum onDisk
	for i := range recs {
		if blk.settledLate(i) {
			return false
		}
		if blk.settled(i) {
			continue
		}
		k := key{h.class, h.run, recs[i].Seq}
		e := s.entry(k, s.blocks[h.key])
		if s.led.tells(k) || e != nil && e.state != free {
			return false
		}
		if e != nil {
			victims = append(victims, e)
		}
		size := recordLen(&recs[i]) + recordOverhead
		sum.more(1, size)
		lost.add(lossOf(reason, &recs[i], size))
	}
	if len(recs) == 0 {
		sum.Count = uint64(h.n)
		if blk != nil {
			sum.Count = uint64(blk.left)
		}
		q := &s.q[h.class] // the count of a damaged key may be anything
		sum.Count = min(sum.Count, q.disk.Count-min(q.held+b.evicted[h.class].Count, q.disk.Count))
		lost.add(Loss{Reason: reason, Class: h.class, Epoch: s.epochOf(h.key), FirstSeq: h.seq, LastSeq: h.last, Count: sum.Count})
	}
	for _, e := range victims {
		s.claimed(b, e)
	}
	for _, l := range lost {
		b.lost.add(l)
	}
	if blk != nil {
		b.removed = append(b.removed, blk)
	}
	b.evicted[h.class].Count += sum.Count
	b.evicted[h.class].Raw += sum.Raw
	return true
}

func (s *Store) claimed(b *batch, e *entry) {
	e.state = claimed
	s.q[e.class].leave(e)
	b.victims = append(b.victims, e)
}

// evictPuts takes blocks back that were about to be put.
func (s *Store) evictPuts(b *batch, class Class, need int64) (freed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.blocks = slices.DeleteFunc(b.blocks, func(r ready) bool {
		if freed >= need || r.head.class != class || !s.evictable(r.entries) {
			return false
		}
		freed += int64(r.head.storedSize)
		for _, e := range r.entries {
			s.claimed(b, e)
			e.committing = false
			b.evicted[class].more(1, e.size)
			b.unput[class].more(1, e.size)
			b.lost.add(lossOf(LostQueueFull, &e.rec, e.size))
		}
		return true
	})
	return freed
}

func (s *Store) evictable(entries []*entry) bool {
	return !slices.ContainsFunc(entries, func(e *entry) bool { return e.state != free || s.led.tells(e.key) })
}
