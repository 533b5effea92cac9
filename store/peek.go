package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// AllClasses stands for every class where one is asked for.
const AllClasses Class = 255

// peekRecords is how many records are read for Export at a time, about.
const peekRecords = 512

// ErrPartial is returned beside what is in memory when the file is not open.
var ErrPartial = errors.New("the queue's file is not open: only what is in memory was read")

// Peek returns the first n queued records of class, or of all, in drain order,
// without taking them. Leased ones are among them. It does not wait for the file
// to be open: then it returns ErrPartial beside what is in memory.
func (s *Store) Peek(ctx context.Context, class Class, n int) ([]Record, error) {
	var out []Record
	partial := false
	for c := range Class(Classes) {
		if class != AllClasses && class != c {
			continue
		}
		for at, end := (key{class: c}), false; !end && len(out) < n; {
			g, err := s.peekAfter(ctx, at, n-len(out))
			if err != nil {
				return nil, err
			}
			out = append(out, g.recs[:min(len(g.recs), n-len(out))]...)
			at, end, partial = g.last, g.end, partial || g.partial
		}
	}
	if partial {
		return out, ErrPartial
	}
	return out, nil
}

// Export calls f with every queued record, in drain order, without taking any.
// It ends with the first error of f. What is appended or settled meanwhile may be
// among them or not. It ends with ErrPartial where Peek does.
func (s *Store) Export(ctx context.Context, f func(Record) error) error {
	partial := false
	for c := range Class(Classes) {
		for at, end := (key{class: c}), false; !end; {
			g, err := s.peekAfter(ctx, at, peekRecords)
			if err != nil {
				return err
			}
			for _, r := range g.recs {
				if err := f(r); err != nil {
					return err
				}
			}
			at, end, partial = g.last, g.end, partial || g.partial
		}
	}
	if partial {
		return ErrPartial
	}
	return nil
}

// placed is a record with its place in the queue.
type placed struct {
	key
	rec Record
}

// glance is what one step of Peek or Export saw.
type glance struct {
	recs    []Record
	last    key  // of the last record
	end     bool // nothing is behind it
	partial bool // the file could not be asked
}

// peekAfter looks at about n records behind from.
func (s *Store) peekAfter(ctx context.Context, from key, n int) (g glance, err error) {
	select {
	case s.io <- struct{}{}:
	case <-ctx.Done():
		return g, ctx.Err()
	case <-s.closed:
		return g, ErrClosed
	}
	defer func() { <-s.io }()
	var got []placed
	g = glance{last: from, end: true, partial: s.disk == nil}
	if !g.partial && from.class != Debug {
		got, g.end, err = s.peekStored(from, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.doubted(err)
		got, g.end, g.partial = nil, true, true
	}
	if s.ended {
		return g, ErrClosed
	}
	var upTo key // when there is more on disk, it is told of later
	if !g.end {
		upTo = got[len(got)-1].key
	}
	held := maps.Values(s.known)
	if g.partial { // those on disk are not among got
		held = slices.Values(s.entries())
	}
	for e := range held {
		if k := e.key; k.class == from.class && e.state <= leased && from.less(k) && (g.end || k.less(upTo)) {
			got = append(got, placed{k, e.rec})
		}
	}
	sort.Slice(got, func(i, j int) bool { return got[i].less(got[j].key) })
	for _, p := range got {
		g.recs, g.last = append(g.recs, p.rec), p.key
	}
	return g, nil
}

// peekStored reads blocks behind from until they have n records.
func (s *Store) peekStored(from key, n int) (got []placed, end bool, err error) {
	end = true
	err = s.disk.view(func(tx *bolt.Tx) error {
		cur := tx.Bucket(bucketBlocks).Cursor()
		at := from
		for k, v := seekBlock(cur, from, s.run); k != nil; k, v = cur.Next() {
			first, _, ok := parseBlockKey(k, s.run)
			if !ok || first.class != from.class {
				break
			}
			if at != from && !at.less(first) {
				return damaged("block %x is not in its place", k)
			}
			if at = first; len(got) >= n {
				end = false
				break
			}
			s.disk.read(tx, len(v))
			h, recs, err := s.packer.decodeBlock(k, v, s.run)
			if err != nil {
				continue
			}
			s.mu.Lock()
			blk := s.blockAt(&h)
			for i := range recs {
				if p := (key{h.class, h.run, recs[i].Seq}); !blk.settled(i) && from.less(p) {
					got = append(got, placed{p, recs[i]})
				}
			}
			s.mu.Unlock()
		}
		return nil
	})
	return got, end || len(got) == 0, err
}
