package store

import "slices"

// build takes up what the next transaction does, or nil when that is nothing.
func (s *Store) build(final bool) *batch {
	b := &batch{final: final, limit: s.limit(), now: s.o.Clock.Now()}
	s.trimJournal()
	size := 0
	for c := range s.q[:Debug] {
		for _, e := range s.q[c].dirty.live() {
			if e.state >= gone || e.onDisk {
				continue
			}
			if size > 0 && size+e.size > min(batchBytes, s.o.MaxMemory/4) {
				b.more = true
				break
			}
			size += e.size
			b.puts = append(b.puts, e)
		}
	}
	if b.trim = s.trims(size); b.trim {
		b.limit, b.puts, b.more = max(b.limit-int64(size), 0), nil, true
	}
	b.dels, s.emptied = s.emptied, nil
	b.unsaved, s.unsaved = s.unsaved, 0
	b.ops, s.dead.ops = s.dead.ops, nil
	b.dead, s.dead.fresh = s.dead.fresh, nil
	for _, l := range s.led.entries {
		if l.dirty {
			l.dirty = false
			b.ledger = append(b.ledger, *l)
		}
	}
	b.forget, s.led.removed = s.led.removed, nil
	if !b.trim {
		s.buildJournal(b)
	}
	s.lazyAt = -1
	if b.more {
		b.final = false
	}
	if b.empty() && !b.final && !b.trim && !s.force {
		return nil
	}
	for _, e := range b.puts {
		e.committing = true
	}
	s.markTails(b)
	b.state = s.snapshot(b)
	b.boots = s.boots.changed()
	b.marks, b.loosen = s.partials()
	s.building = true
	return b
}

// built ends what began with build.
func (s *Store) built() {
	for _, b := range s.late {
		b.late = nil
	}
	s.building, s.late = false, nil
}

// booked takes up that b is on disk.
func (s *Store) booked(b *batch) {
	s.built()
	s.force, s.txn, s.trimmed = s.force && b.trim || b.again, b.state.Txn, b.trim
	for _, r := range b.journal {
		if r.rec != nil {
			s.enterStored(r.rec)
		}
	}
	for i := range b.blocks {
		s.bookBlock(&b.blocks[i])
	}
	for _, k := range b.dels {
		if s.blocks[k.key] == k {
			delete(s.blocks, k.key)
		}
	}
	for _, r := range b.recasts {
		s.bookRecast(r)
	}
	for _, d := range b.dead {
		d.e.state = gone
		d.e.resolve(nil)
		s.forget(d.e)
	}
	s.dead.disk = b.state.DeadLetters
	s.bookOps(b)
	s.bookEvicted(b)
	for c := range s.q {
		s.q[c].oldest, s.q[c].disk.Bytes = b.oldest[c], b.state.Classes[c].Bytes
	}
	s.bookJournal(b)
	for c := range s.q {
		s.shrink(&s.q[c], s.o.MaxMemory/16)
	}
}

// bookBlock takes up a block that was put.
func (s *Store) bookBlock(r *ready) {
	blk := newBlock(&r.head)
	if blk.last != blk.seq+uint64(blk.n)-1 {
		blk.seqs = r.seqs
	}
	for _, e := range r.entries {
		q := &s.q[e.class]
		e.committing = false
		s.inBlock(e, blk)
		q.disk.more(1, e.size)
		s.clean(e)
		if e.place == inMem {
			q.cached += e.size
		}
		switch e.state {
		case gone:
			e.rec = Record{}
			s.settleStored(e)
			s.forget(e)
		case buried:
			s.settleStored(e)
		default:
			e.resolve(nil)
		}
	}
}

// enterStored queues the result record of a command, once it is on disk.
func (s *Store) enterStored(e *entry) {
	q := &s.q[e.class]
	q.stats.Produced++
	q.stats.Queued++
	q.stats.Bytes += int64(e.size)
	e.state = free
	q.put(e) // not on disk yet as far as the lists go: booked corrects that
}

// undone takes up that b failed and left nothing on disk.
func (s *Store) undone(b *batch, err error) {
	s.built()
	for _, e := range b.puts {
		e.committing = false
		if e.state == gone {
			s.forget(e)
		}
	}
	s.emptied = append(b.dels, s.emptied...)
	s.unsaved += b.unsaved
	s.dead.fresh = append(b.dead, s.dead.fresh...)
	for _, l := range s.led.entries {
		if slices.ContainsFunc(b.ledger, func(x lossEntry) bool { return x.ID == l.ID }) {
			l.dirty = true
		}
	}
	s.led.removed = append(s.led.removed, b.forget...)
	endOps(b.ops, err)
	if b.boots != nil {
		s.boots.again()
	}
	s.giveBack(b)
	s.failJournal(b, err)
	s.lazyAt = -1
	s.markLazy()
}
