package store

import (
	"context"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// AllClasses stands for every class where one is asked for.
const AllClasses Class = 255

// peekRecords is how many records are read for Export at a time, about.
const peekRecords = 512

// Peek returns the first n queued records of class, or of all, in drain order,
// without taking them. Leased ones are among them.
func (s *Store) Peek(ctx context.Context, class Class, n int) ([]Record, error) {
	var out []Record
	for c := range Class(Classes) {
		if class != AllClasses && class != c {
			continue
		}
		for at, end := (key{class: c}), false; !end && len(out) < n; {
			recs, last, done, err := s.peekAfter(ctx, at, n-len(out))
			if err != nil {
				return nil, err
			}
			out = append(out, recs[:min(len(recs), n-len(out))]...)
			at, end = last, done
		}
	}
	return out, nil
}

// Export calls f with every queued record, in drain order, without taking any.
// It ends with the first error of f. What is appended or settled meanwhile may be
// among them or not.
func (s *Store) Export(ctx context.Context, f func(Record) error) error {
	for c := range Class(Classes) {
		for at, end := (key{class: c}), false; !end; {
			recs, last, done, err := s.peekAfter(ctx, at, peekRecords)
			if err != nil {
				return err
			}
			for _, r := range recs {
				if err := f(r); err != nil {
					return err
				}
			}
			at, end = last, done
		}
	}
	return nil
}

// placed is a record with its place in the queue.
type placed struct {
	key
	rec Record
}

// peekAfter returns records behind from, about n, and the key of the last.
func (s *Store) peekAfter(ctx context.Context, from key, n int) (out []Record, last key, end bool, err error) {
	if err := s.waitOpen(ctx); err != nil {
		return nil, from, true, err
	}
	select {
	case s.io <- struct{}{}:
	case <-ctx.Done():
		return nil, from, true, ctx.Err()
	}
	defer func() { <-s.io }()
	var got []placed
	end = true
	if s.disk != nil && from.class != Debug {
		if got, end, err = s.peekStored(from, n); err != nil {
			return nil, from, true, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, e := range s.known {
		if k.class == from.class && !e.onDisk && e.state <= leased && from.less(k) && (end || k.less(got[len(got)-1].key)) {
			got = append(got, placed{k, e.rec})
		}
	}
	slices.SortFunc(got, func(a, b placed) int {
		if a.less(b.key) {
			return -1
		}
		return 1
	})
	last = from
	for _, p := range got {
		out, last = append(out, p.rec), p.key
	}
	return out, last, end, nil
}

// peekStored reads blocks behind from until they have n records.
func (s *Store) peekStored(from key, n int) (got []placed, end bool, err error) {
	end = true
	err = s.disk.view(func(tx *bolt.Tx) error {
		cur := tx.Bucket(bucketBlocks).Cursor()
		for k, v := seekBlock(cur, from, s.run); k != nil; k, v = cur.Next() {
			if k[0] != byte(from.class) {
				break
			}
			if len(got) >= n {
				end = false
				break
			}
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
