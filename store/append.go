package store

import (
	"context"
	"fmt"
	"time"
)

// Ticket is the receipt of one Append.
type Ticket struct {
	ids      []ID
	volatile bool
	receipt  *receipt
	closed   <-chan struct{}
}

// IDs returns the IDs given, in the order of the records.
func (t Ticket) IDs() []ID { return t.ids }

// Durable waits until every record of the ticket is on disk, synced, or has been
// accepted by the hub. It never hastens a commit: telemetry takes CommitEvery,
// Flush is quicker. It returns ErrVolatile at once when one of them is of class
// Debug, ErrLost when one was evicted first, ErrClosed when Run ended first.
func (t Ticket) Durable(ctx context.Context) error {
	if t.volatile {
		return ErrVolatile
	}
	if t.receipt == nil {
		return nil
	}
	select {
	case <-t.receipt.done:
		return t.receipt.err
	default:
	}
	select {
	case <-t.receipt.done:
		return t.receipt.err
	case <-ctx.Done():
		return ctx.Err()
	case <-t.closed:
	}
	select {
	case <-t.receipt.done:
		return t.receipt.err
	default:
		return ErrClosed
	}
}

// Append queues the records, all or none, and gives them their IDs. It waits for
// the identity only, never for the disk. The store keeps Props and Body: the
// caller must not change them afterwards. When memory is full, older records of
// the same or a less urgent class make room and go into the ledger, the least
// urgent first.
//
// ErrRefused means that a record is larger than MaxRecord, or that memory is full
// of more urgent ones; the records are then counted in Stats.Refused only.
func (s *Store) Append(ctx context.Context, recs ...Record) (Ticket, error) {
	select {
	case <-s.ready:
	case <-s.closed:
		return Ticket{}, ErrClosed
	case <-ctx.Done():
		return Ticket{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return Ticket{}, ErrClosed
	}
	if err := s.admit(recs); err != nil {
		s.refused += uint64(len(recs))
		return Ticket{}, err
	}
	t := Ticket{closed: s.closed, ids: make([]ID, 0, len(recs))}
	for i := range recs {
		r := recs[i]
		e := s.enter(&r)
		t.ids = append(t.ids, e.rec.ID)
		if r.Class == Debug {
			t.volatile = true
			continue
		}
		if t.receipt == nil {
			t.receipt = &receipt{done: make(chan struct{})}
		}
		t.receipt.left++
		e.receipt = t.receipt
	}
	s.schedule()
	s.wake()
	return t, nil
}

// admit says whether the records fit, and makes room for them.
func (s *Store) admit(recs []Record) error {
	need, class := 0, Alarm
	for i := range recs {
		r := &recs[i]
		if r.Class >= Classes {
			return fmt.Errorf("append: %w: %s is no class", ErrRefused, r.Class)
		}
		n := recordLen(r)
		if n > s.o.MaxRecord {
			return fmt.Errorf("append: %w: %d bytes are more than %d", ErrRefused, n, s.o.MaxRecord)
		}
		need += n + recordOverhead
		if s.refuses(r.Class, need) {
			return fmt.Errorf("append: %w: no room on disk for %s", ErrRefused, r.Class)
		}
		class = max(class, r.Class)
	}
	if !s.room(need, class) {
		return fmt.Errorf("append: %w: %d bytes of memory are full", ErrRefused, s.o.MaxMemory)
	}
	return nil
}

// enter gives r its ID and queues it.
func (s *Store) enter(r *Record) *entry {
	e := s.admitted(r)
	q := &s.q[r.Class]
	q.stats.Produced++
	q.stats.Queued++
	q.stats.Bytes += int64(e.size)
	if r.Class != Debug {
		q.dirty.insert(e)
		e.counted = true
		s.dirtyLen += e.size
	}
	q.put(e)
	return e
}

// admitted makes the entry of r with the next sequence of its class. It is in
// memory, but not queued yet.
func (s *Store) admitted(r *Record) *entry {
	q := &s.q[r.Class]
	q.next++
	r.Store, r.Epoch, r.Seq = s.ident.store, s.ident.epoch, q.next
	r.Stamp.Wall = r.Stamp.Wall.Round(0).UTC()
	e := &entry{key: key{r.Class, thisRun, r.Seq}, rec: *r, size: recordLen(r) + recordOverhead, at: s.now()}
	e.mem = e.size
	s.memBytes += e.size
	s.known[e.key] = e
	return e
}

// schedule wakes the committer when what is queued calls for it.
func (s *Store) schedule() {
	if at, ok := s.due(); ok && (s.armed < 0 || at < s.armed) {
		s.urge()
	}
}

// room evicts from memory until need bytes fit: first what is on disk too, then
// the oldest of the least urgent class, down to class. Telemetry leaves a part of
// memory to what is more urgent: what is being written or leased cannot go.
func (s *Store) room(need int, class Class) bool {
	bound := s.o.MaxMemory
	if class >= Telemetry {
		bound -= bound / 8
	}
	if need > bound {
		return false
	}
	fits := func() bool { return s.memBytes+need <= bound }
	for c := range s.q {
		if fits() {
			return true
		}
		s.shrink(&s.q[c], 0)
	}
	for c := Classes - 1; c >= int(class); c-- {
		// The ledger tells of what goes in a record of its own, which needs room too.
		for !fits() && s.evictOldest(Class(c), s.memBytes+need-bound) {
		}
	}
	return fits()
}

// evictOldest loses the oldest records of a class, of which nothing is on disk, of
// so many bytes. It returns false when there are none.
func (s *Store) evictOldest(class Class, bytes int) bool {
	q := &s.q[class]
	from, got := &q.dirty, 0
	if class == Debug {
		from = &q.mem
	}
	var victims []*entry
	for _, e := range from.live() {
		if got >= bytes {
			break
		}
		if e.state == free && !e.committing && !e.onDisk && !s.led.tells(e.key) {
			victims = append(victims, e)
			got += e.size
		}
	}
	for _, e := range victims {
		s.evict(e, LostMemoryFull)
	}
	q.tidy()
	return len(victims) > 0
}

// shrink leaves at most limit bytes of each list of q that are on disk too.
func (s *Store) shrink(q *queue, limit int) {
	q.tidy()
	for q.cached > limit {
		e := q.mem.front()
		if e == nil || e.place == inMem && !e.onDisk {
			break
		}
		q.mem.popFront()
		s.putAside(q, e, inMem)
	}
	for e := q.back.front(); q.backBytes > limit && e != nil && q.back.last().onDisk; e = q.back.front() {
		s.putAside(q, q.back.popBack(), inBack)
	}
}

// putAside leaves e, just taken from its list, on disk only.
func (s *Store) putAside(q *queue, e *entry, from place) {
	if e.place != from {
		return
	}
	q.leave(e)
	s.forget(e)
	q.unread(e.key)
}

// evict loses a queued record that is in memory only.
func (s *Store) evict(e *entry, reason string) {
	q := &s.q[e.class]
	q.leave(e)
	e.state = gone
	q.stats.Queued--
	q.stats.Lost++
	q.stats.Bytes -= int64(e.size)
	l := lossOf(reason, &e.rec, e.size)
	s.clean(e)
	e.resolve(ErrLost)
	s.forget(e)
	s.arrived(e.key, true)
	s.lose(l)
}

// due says when the committer has work, or that it has none.
func (s *Store) due() (at time.Duration, ok bool) {
	at = -1
	every, _ := s.commitEvery()
	sooner := func(t time.Duration) {
		if at < 0 || t < at {
			at = t
		}
	}
	for c := range s.q[:Debug] {
		q := &s.q[c]
		q.tidy()
		if e := q.dirty.front(); e != nil && !e.committing {
			if e.class < Telemetry {
				sooner(e.at)
			} else {
				sooner(e.at + every)
			}
		}
	}
	if s.lazyAt >= 0 {
		sooner(s.lazyAt + every)
	}
	if s.force || s.dirtyLen >= s.o.CommitBytes || s.unsaved >= settledMax || len(s.dead.fresh) >= deadFreshMax {
		sooner(0)
	}
	if at >= 0 {
		at = max(at, s.retryAt)
	}
	if len(s.waiting) > 0 || len(s.jr.waiting) > 0 || len(s.dead.ops) > 0 {
		at = 0
	}
	return at, at >= 0
}

const (
	// settledMax is how many settled records a commit is not delayed for: the more
	// it takes along, the more blocks go in one page.
	settledMax = 16 << 10
	// deadFreshMax is the same of dead letters, which are in memory until then.
	deadFreshMax = 256
)
