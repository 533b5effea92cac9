package store

import (
	"context"
	"slices"
	"sort"
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
// memory. While a damaged file is replaced it waits, when older records are in it.
func (s *Store) Next(ctx context.Context, w Want) (*Lease, error) {
	classes := w.Classes
	if classes == nil {
		classes = []Class{Alarm, Result, Telemetry, Debug}
	} else {
		classes = slices.Clone(classes)
		sort.Slice(classes, func(i, j int) bool { return classes[i] < classes[j] })
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
		if s.mending() && !q.exhausted && !w.LiveFirst {
			return false, 0 // what is in memory is not the oldest
		}
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
