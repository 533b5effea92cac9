package store

import (
	"bytes"
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
	bytes int // what Want.Bytes bounds

	// Under Store.mu:
	open   []*entry   // of recs, one for one; nil = settled or released
	next   int        // the record after the last one that was found
	places map[ID]int // in recs; made when they are not settled in order
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
	l := &Lease{s: s}
	for {
		s.mu.Lock()
		if s.ended && len(l.recs) == 0 {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		read, class := s.take(l, classes, w)
		var changed <-chan struct{}
		if !read && len(l.recs) == 0 {
			changed = s.change()
		}
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
		q, want := &s.q[c], max(w.Records, 1)
		l.grow(min(want-len(l.recs), int(min(q.stats.Queued, readRecords))))
		for len(l.recs) < want {
			e, read := q.head(w.LiveFirst, s.open && !s.ended)
			if read {
				return true, c
			}
			if e == nil {
				break
			}
			if w.Bytes > 0 {
				n := payload(&e.rec)
				if len(l.recs) > 0 && l.bytes+n > w.Bytes {
					return false, c
				}
				l.bytes += n
			}
			q.leave(e)
			e.state = leased
			l.recs = append(l.recs, e.rec)
			l.open = append(l.open, e)
		}
	}
	return false, 0
}

// grow makes room for n records more.
func (l *Lease) grow(n int) {
	l.recs, l.open = slices.Grow(l.recs, n), slices.Grow(l.open, n)
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
	for i := range got {
		s.found(q, from, &got[i])
	}
	q.cursor = last
	q.exhausted = end
	return nil
}

// stored is a block that was read.
type stored struct {
	head    blockHead
	entries []entry // only rec and size are set
	err     error
}

// readAfter reads the blocks with records behind from, and the key behind which
// the next call goes on.
func (s *Store) readAfter(from key) (got []stored, last key, end bool, err error) {
	last, end = from, true
	err = s.disk.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketBlocks)
		if b == nil {
			return damaged("no bucket %s", bucketBlocks)
		}
		cur, seen, size, n := b.Cursor(), newSeen(), 0, 0
		for k, v := seekBlock(cur, from, s.run); k != nil; k, v = cur.Next() {
			first, count, ok := parseBlockKey(k, s.run)
			if !ok || first.class != from.class {
				break
			}
			if n >= readRecords || size >= min(readBytes, s.o.MaxMemory/8) {
				end = false
				break
			}
			g := s.packer.decodeEntries(k, v, s.run, seen)
			if g.err != nil {
				g.head = blockHead{key: first, n: count, last: first.seq + uint64(count) - 1, storedSize: len(v) + blockOverhead}
			}
			last = key{g.head.class, g.head.run, g.head.last}
			got = append(got, g)
			s.disk.read(len(v))
			size += max(g.head.rawLen, len(v))
			n += count
		}
		return nil
	})
	return got, last, end, err
}

// decodeEntries is decodeBlock for records that stay in memory.
func (c *compressor) decodeEntries(k, v []byte, run uint32, seen *seen) (g stored) {
	var raw []byte
	if g.head, raw, g.err = c.openBlock(k, v, run); g.err != nil {
		return g
	}
	g.entries = make([]entry, g.head.n)
	g.err = decodeRecords(raw, &g.head, seen, func(i int) (*Record, *int) { return &g.entries[i].rec, &g.entries[i].size })
	return g
}

// seekBlock moves cur to the first block that has records behind from.
func seekBlock(cur *bolt.Cursor, from key, run uint32) (k, v []byte) {
	at := from
	at.seq++
	seek := at.bytes(run)
	// Within a transaction that has deleted, leaves may be empty: Last never ends
	// when all are, and Prev returns nil at each.
	if k, _ := cur.First(); k == nil || bytes.Compare(k, seek) >= 0 {
		return cur.Seek(seek)
	}
	cur.Seek(seek)
	for k == nil {
		k, v = cur.Prev()
	}
	if first, n, ok := parseBlockKey(k, run); ok && first.class == from.class && first.run == from.run {
		last := first.seq + uint64(n) - 1
		if h, err := parseBlock(k, v, run); err == nil {
			last = h.last
		}
		if last >= at.seq {
			return k, v
		}
	}
	return cur.Seek(seek)
}

// epochOf is the epoch of a record of which only the key can be read.
func (s *Store) epochOf(k key) uint32 {
	if k.run == thisRun {
		return s.ident.epoch
	}
	return k.run
}
