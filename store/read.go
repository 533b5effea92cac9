package store

import (
	"bytes"
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"
)

const (
	readRecords = 512       // records read from disk at a time
	readBytes   = 256 << 10 // bytes read from disk at a time, one record more at most
)

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
	from, moves, replace := s.q[c].cursor, s.q[c].moves, s.hasRoomToReplace()
	s.mu.Unlock()
	from.class = c

	got, last, end, err := s.readAfter(from, replace)
	s.mu.Lock()
	q := &s.q[c]
	if err != nil {
		s.doubted(err)
		s.mu.Unlock()
		return nil
	}
	if q.moves != moves { // entries were put aside meanwhile, maybe behind last
		last, end = q.cursor, false
	}
	for i := range got {
		s.found(q, from, &got[i])
	}
	q.cursor = last
	q.exhausted = end
	missing := q.unaccounted()
	s.mu.Unlock()
	if missing > 0 {
		return s.reconcile(ctx, q, c)
	}
	return nil
}

// stored is a block that was read.
type stored struct {
	head    blockHead
	entries []entry // only rec and size are set
	err     error
}

// readAfter reads the blocks with records behind from, and the key behind which
// the next call goes on. A block that is damaged is among them with its error, or
// ends the call when the file can be replaced: an older copy may lie elsewhere in it.
func (s *Store) readAfter(from key, replace bool) (got []stored, last key, end bool, err error) {
	last, end = from, true
	err = s.disk.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketBlocks)
		if b == nil {
			return damaged("no bucket %s", bucketBlocks)
		}
		cur, before, size, n := b.Cursor(), from, 0, 0
		for k, v := seekBlock(cur, from, s.run); k != nil; k, v = cur.Next() {
			first, count, ok := parseBlockKey(k, s.run)
			if !ok || n > 0 && !before.less(first) {
				return damaged("block %x is not in its place", k)
			}
			if first.class != from.class {
				break
			}
			before = first
			if n >= readRecords || size >= min(readBytes, s.o.MaxMemory/8) {
				end = false
				break
			}
			h, err := parseBlock(k, v, s.run)
			if err != nil && replace {
				return err
			}
			if err != nil {
				h = blockHead{key: first, n: count, last: first.seq + uint64(count) - 1, storedSize: len(v) + blockOverhead}
			}
			if to := (key{h.class, h.run, h.last}); last.less(to) {
				last = to
			}
			got = append(got, stored{head: h, err: err})
			s.disk.read(tx, len(v))
			size += max(h.rawLen, len(v))
			n += count
		}
		return s.packer.decodeAll(got)
	})
	return got, last, end, err
}

// decodeAll reads the records of blocks whose heads are there, in two halves at a
// time: unpacking is most of the work of a drain.
func (c *compressor) decodeAll(blocks []stored) error {
	decode := func(blocks []stored) error {
		return guard(func() error { // the blocks lie in the mapping
			seen := newSeen()
			for i := range blocks {
				if g := &blocks[i]; g.err == nil {
					g.entries, g.err = c.decodeEntries(&g.head, seen)
				}
			}
			return nil
		})
	}
	half := len(blocks) / unpackers
	other := make(chan error)
	go func() { other <- decode(blocks[:half]) }()
	err := decode(blocks[half:])
	return errors.Join(err, <-other)
}

// decodeEntries is decodeBlock for records that stay in memory.
func (c *compressor) decodeEntries(h *blockHead, seen *seen) ([]entry, error) {
	raw, err := c.unpackBlock(h)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, h.n)
	err = decodeRecords(raw, h, seen, func(i int) (*Record, *int) { return &entries[i].rec, &entries[i].size })
	return entries, err
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
