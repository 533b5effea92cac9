package store

// Ack ends records as delivered; none given means all that are still in the
// lease. A record accepted before it was committed is never written. One that is
// on disk is deleted with the next commit, so that a kill brings back at most what
// was accepted within one commit interval.
func (l *Lease) Ack(ids ...ID) {
	l.each(ids, func(e *entry) { l.s.accept(e) })
}

// Dead ends a record that the hub refuses for good: it becomes a dead letter with
// the words of cause, in the next commit. A record of class Debug is lost instead.
func (l *Lease) Dead(id ID, cause error) {
	l.each([]ID{id}, func(e *entry) { l.s.bury(e, cause) })
}

// Release puts records back to their place in the order, to be handed out again;
// none given means all that are still in the lease.
func (l *Lease) Release(ids ...ID) {
	l.each(ids, func(e *entry) {
		e = l.s.apart(e)
		e.state = free
		q := &l.s.q[e.class]
		q.put(e)
		l.s.shrink(q, l.s.o.MaxMemory/8)
	})
}

// each takes the records out of the lease.
func (l *Lease) each(ids []ID, f func(*entry)) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ids) == 0 {
		for i := range l.open {
			l.one(i, f)
		}
	}
	for _, id := range ids {
		l.one(l.place(id), f)
	}
	s.schedule()
	s.wake()
}

func (l *Lease) one(i int, f func(*entry)) {
	if i < 0 || l.open[i] == nil {
		return
	}
	e := l.open[i]
	l.open[i] = nil
	f(e)
}

// place is where id stands in the lease, -1 when it does not.
func (l *Lease) place(id ID) int {
	if l.next == len(l.recs) || l.recs[l.next].ID != id {
		if l.places == nil {
			l.places = make(map[ID]int, len(l.recs))
			for i := range l.recs {
				l.places[l.recs[i].ID] = i
			}
		}
		i, ok := l.places[id]
		if !ok {
			return -1
		}
		l.next = i
	}
	l.next++
	return l.next - 1
}

// accept books e as delivered.
func (s *Store) accept(e *entry) {
	q := &s.q[e.class]
	q.stats.Delivered++
	q.stats.Queued--
	q.stats.Bytes -= int64(e.size)
	e.state = gone
	s.clean(e)
	e.resolve(nil)
	s.drop(e)
	s.arrived(e.key, false)
}

// drop ends the life of e in memory. What is on disk, or on its way there, stays
// known until a commit has deleted it.
func (s *Store) drop(e *entry) {
	switch {
	case e.committing:
		s.unload(e)
	case e.onDisk:
		s.settleStored(e)
		s.forget(e)
	default:
		s.forget(e)
		s.q[e.class].tidy()
	}
}
