package store

// bookEvicted takes up what the transaction evicted.
func (s *Store) bookEvicted(b *batch) {
	for c := range s.q {
		q, ev, un := &s.q[c], b.evicted[c], b.unput[c]
		q.found(ev.Count - un.Count)
		q.stats.Queued -= ev.Count
		q.stats.Lost += ev.Count + b.undead[c]
		q.stats.Dead -= b.undead[c]
		q.stats.Bytes -= ev.Raw
		q.disk.less(ev.Count-un.Count, int(ev.Raw-un.Raw))
	}
	for _, k := range b.removed {
		if s.blocks[k.key] == k {
			delete(s.blocks, k.key)
		}
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
