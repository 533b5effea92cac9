package store

import (
	"context"
	"slices"

	bolt "go.etcd.io/bbolt"
)

const (
	readRecords = 512       // records read from disk at a time
	readBytes   = 256 << 10 // bytes read from disk at a time, one record more at most
)

// Lease is a set of records handed out by Next. Each of them stays out of every
// other lease until it is settled by Ack or Dead, or goes back by Release. The
// order of settlements is free; IDs that are not, or no longer, in the lease are
// ignored. A lease has no deadline: who takes one settles or releases it.
type Lease struct {
	s     *Store
	recs  []Record
	bytes int
	open  map[ID]*entry // under Store.mu
}

// Records returns the records of the lease as they were handed out, in order.
// Their Props and Body are shared with the store and must not be changed.
func (l *Lease) Records() []Record { return l.recs }

// Next hands out queued records: the most urgent class first, within it the
// oldest first, or with LiveFirst those still at hand in memory first. Records
// may be handed out before they are on disk. It waits until there is one. It returns ErrClosed
// after Run has ended.
//
// While the file is being opened, and when it cannot be, Next hands out what is in
// memory.
func (s *Store) Next(ctx context.Context, w Want) (*Lease, error) {
	classes := w.Classes
	if classes == nil {
		classes = []Class{Alarm, Result, Telemetry, Debug}
	} else {
		classes = slices.Sorted(slices.Values(classes))
	}
	l := &Lease{s: s, open: make(map[ID]*entry)}
	for {
		s.mu.Lock()
		if s.ended && len(l.recs) == 0 {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		read, class := s.take(l, classes, w)
		changed := s.changed
		s.mu.Unlock()
		if read {
			if err := s.read(ctx, class); err == nil {
				continue
			} else if len(l.recs) == 0 {
				return nil, err
			}
		}
		if len(l.recs) > 0 {
			return l, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.closed:
		}
	}
}

// take adds to l what is at hand, or says which class must be read from disk
// first. It goes on with the class it came to, so that l stays in order.
func (s *Store) take(l *Lease, classes []Class, w Want) (read bool, class Class) {
	for _, c := range classes {
		if n := len(l.recs); c >= Classes || n > 0 && c < l.recs[n-1].Class {
			continue
		}
		q := &s.q[c]
		for len(l.recs) < max(w.Records, 1) {
			e, read := q.head(w.LiveFirst, s.open && !s.ended)
			if read {
				return true, c
			}
			if e == nil {
				break
			}
			n := payload(&e.rec)
			if w.Bytes > 0 && len(l.recs) > 0 && l.bytes+n > w.Bytes {
				return false, c
			}
			q.leave(e)
			e.state = leased
			l.bytes += n
			l.recs = append(l.recs, e.rec)
			l.open[e.rec.ID] = e
		}
	}
	return false, 0
}

// payload is what Want.Bytes counts.
func payload(r *Record) int {
	n := len(r.Body)
	for k, v := range r.Props {
		n += len(k) + len(v)
	}
	return n
}

// read fetches the next records of a class from disk. An error of the disk is not
// the caller's: the file is closed and opened again meanwhile.
func (s *Store) read(ctx context.Context, c Class) error {
	select {
	case s.io <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.io }()
	if s.disk == nil {
		return nil // the committer closed it in between
	}
	s.mu.Lock()
	from, moves := s.q[c].cursor, s.q[c].moves
	s.mu.Unlock()
	from.class = c

	got, last, end, err := s.readAfter(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.open, s.opening = false, "reopening: "+err.Error()
		s.doubt = err
		s.urge()
		return nil
	}
	q := &s.q[c]
	if q.moves != moves { // entries were put aside meanwhile, maybe behind last
		last, end = q.cursor, false
	}
	for _, g := range got {
		s.found(q, g)
	}
	q.cursor = last
	q.exhausted = end
	return nil
}

type stored struct {
	key key
	rec Record
	len int
	err error
}

// readAfter reads records behind from that memory does not know of.
func (s *Store) readAfter(from key) (got []stored, last key, end bool, err error) {
	last, end = from, true
	err = s.disk.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketQueue)
		if b == nil {
			return damaged("no bucket %s", bucketQueue)
		}
		cur, bytes := b.Cursor(), 0
		at := from
		at.seq++
		for k, v := cur.Seek(at.bytes(s.run)); k != nil; k, v = cur.Next() {
			p, ok := parseKey(k, s.run)
			if !ok || p.class != from.class {
				break
			}
			if len(got) == readRecords || bytes >= min(readBytes, s.o.MaxMemory/8) {
				end = false
				break
			}
			last = p
			if s.knows(p) {
				continue
			}
			rec, err := decodeRecord(v)
			got = append(got, stored{p, rec, len(v) + recordOverhead, err})
			bytes += len(v)
		}
		return nil
	})
	return got, last, end, err
}

func (s *Store) knows(k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[k] != nil
}

// found takes one record read from disk into memory.
func (s *Store) found(q *queue, g stored) {
	if s.known[g.key] != nil {
		return
	}
	e := &entry{key: g.key, rec: g.rec, size: g.len, at: s.now(), onDisk: true}
	s.known[g.key] = e
	if g.err != nil {
		e.state = gone
		q.stats.Queued--
		q.stats.Lost++
		q.stats.Bytes -= int64(g.len)
		s.settled = append(s.settled, e)
		s.lose(Loss{Reason: LostDamaged, Class: g.key.class, Epoch: s.epochOf(g.key), FirstSeq: g.key.seq, LastSeq: g.key.seq, Count: 1, Bytes: uint64(g.len)})
		return
	}
	e.mem = e.size
	s.memBytes += e.mem
	q.put(e)
}

// epochOf is the epoch of a record of which only the key can be read.
func (s *Store) epochOf(k key) uint32 {
	if k.run == thisRun {
		return s.ident.epoch
	}
	return k.run
}
