package store

import (
	"bytes"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// recast is a block written anew without the records that are settled.
type recast struct {
	block *block
	done  []uint64 // of block, when it was written
	head  blockHead
	seqs  []uint64
}

// recastBlock writes the records of b that are not settled as a block of their
// own, in its place.
func (s *Store) recastBlock(bucket *bolt.Bucket, bt *batch, b *block) error {
	old := blockKey(b.key, b.n, s.run)
	h, recs, err := s.packer.decodeBlock(old, bucket.Get(old), s.run)
	if err != nil {
		return nil // found damaged, and counted, when it is read
	}
	r := recast{block: b}
	s.mu.Lock()
	r.done = b.doneBefore()
	s.mu.Unlock()
	was := block{done: r.done}
	var keep []*Record
	for i := range recs {
		if !was.settled(i) {
			keep = append(keep, &recs[i])
			r.seqs = append(r.seqs, recs[i].Seq)
		}
	}
	nb, err := s.encode(keep, h.flags&retried, h.run)
	if err != nil {
		return err
	}
	if !bytes.Equal(nb.k, old) {
		if err := bucket.Delete(old); err != nil {
			return err
		}
	}
	if err := bucket.Put(nb.k, nb.v); err != nil {
		return err
	}
	r.head = nb.head
	bt.state.Classes[b.class].Bytes += int64(nb.head.storedSize - b.stored)
	bt.recasts = append(bt.recasts, r)
	return nil
}

// bookRecast takes up the new shape of a block. What was settled since it was
// written is marked in it.
func (s *Store) bookRecast(r recast) {
	b := r.block
	was := *b
	if s.blocks[b.key] == b {
		delete(s.blocks, b.key)
	}
	*b = block{key: r.head.key, n: r.head.n, last: r.head.last, left: r.head.n, refs: b.refs, stored: r.head.storedSize}
	if b.last != b.seq+uint64(b.n)-1 {
		b.seqs = r.seqs
	}
	if b.refs > 0 {
		b.at = make([]*entry, b.n)
	}
	for _, e := range was.at {
		if e != nil {
			b.place(e)
		}
	}
	before := block{done: r.done}
	for i := range was.n {
		if was.settled(i) && !before.settled(i) {
			if at := b.index(was.sequence(i)); at >= 0 {
				b.settle(at)
			}
		}
	}
	if b.refs > 0 || b.done != nil {
		s.blocks[b.key] = b
	}
	// Records come into it and go from it by its new shape: it may be empty now, or
	// hold some again.
	s.emptied = slices.DeleteFunc(s.emptied, func(x *block) bool { return x == b })
	if b.left == 0 {
		s.emptied = append(s.emptied, b)
	}
}
