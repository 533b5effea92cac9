package store

import (
	"bytes"
	"maps"
	"math/bits"
	"slices"
)

// block is a block on disk that memory knows of: records of it are in memory, or
// some of them are settled and the rest is not.
type block struct {
	key           // of its first record
	n      int    // records
	last   uint64 // sequence of the last one
	seqs   []uint64
	done   []uint64 // one bit per record that is settled; nil = none
	late   []uint64 // of done, those settled since the transaction under way was built
	left   int      // records not settled
	refs   int      // records in memory
	at     []*entry // these, at their place; nil = none
	stored int      // bytes on disk
}

func newBlock(h *blockHead) *block {
	return &block{key: h.key, n: h.n, last: h.last, left: h.n, stored: h.storedSize}
}

// number says which sequences the block has, when there are gaps between them.
func (b *block) number(entries []entry) {
	if b.last == b.seq+uint64(b.n)-1 {
		return
	}
	b.seqs = make([]uint64, 0, len(entries))
	for i := range entries {
		b.seqs = append(b.seqs, entries[i].rec.Seq)
	}
}

// index is the place of seq in the block, -1 when it has none.
func (b *block) index(seq uint64) int {
	if b.seqs != nil {
		i, ok := slices.BinarySearch(b.seqs, seq)
		if !ok {
			return -1
		}
		return i
	}
	if seq < b.seq || seq-b.seq >= uint64(b.n) {
		return -1
	}
	return int(seq - b.seq)
}

func (b *block) settled(i int) bool {
	return b != nil && b.done != nil && b.done[i/64]&(1<<(i%64)) != 0
}

// settle marks record i and says that it was not marked before.
func (b *block) settle(i int) bool {
	if b.settled(i) {
		return false
	}
	if b.done == nil {
		b.done = make([]uint64, (b.n+63)/64)
	}
	b.done[i/64] |= 1 << (i % 64)
	b.left--
	return true
}

// settledLate says that record i was settled since the transaction under way was
// built. For that transaction it is still there: its counters, and the dead letter
// that it may have become, come with the next one only.
func (b *block) settledLate(i int) bool {
	return b != nil && b.late != nil && b.late[i/64]&(1<<(i%64)) != 0
}

// doneBefore is done without late.
func (b *block) doneBefore() []uint64 {
	done := slices.Clone(b.done)
	for i := range b.late {
		done[i] &^= b.late[i]
	}
	return done
}

// mark takes up bits that were stored.
func (b *block) mark(done []uint64) {
	b.done = done
	for _, w := range done {
		b.left -= bits.OnesCount64(w)
	}
}

// firstLive is the sequence below which nothing in the block was left when the
// transaction under way was built; a lower one while its sequences are not known.
func (b *block) firstLive() uint64 {
	for i := range b.n {
		if !b.settled(i) || b.settledLate(i) {
			switch {
			case b.seqs != nil:
				return b.seqs[i]
			case b.last == b.seq+uint64(b.n)-1:
				return b.seq + uint64(i)
			}
			break
		}
	}
	return b.seq
}

// blockAt is what memory knows of the block on disk, nil when that is nothing. A
// block that the transaction under way has written anew is not known yet: nothing
// in it is settled.
func (s *Store) blockAt(h *blockHead) *block {
	b := s.blocks[h.key]
	if b == nil || b.n != h.n || h.txn == s.writing {
		return nil
	}
	return b
}

// sequence is that of record i.
func (b *block) sequence(i int) uint64 {
	if b.seqs != nil {
		return b.seqs[i]
	}
	return b.seq + uint64(i)
}

// inBlock says that e is on disk in b.
func (s *Store) inBlock(e *entry, b *block) {
	if b.refs == 0 {
		s.blocks[b.key] = b
		b.at = make([]*entry, b.n)
	}
	delete(s.known, e.key)
	e.onDisk, e.blk = true, b
	b.place(e)
	b.refs++
	s.q[e.class].held++
}

// place puts e where entry finds it.
func (b *block) place(e *entry) {
	if i := b.index(e.seq); i >= 0 {
		b.at[i] = e
	}
}

// leaveBlock says that e is not in memory any more, or not on disk.
func (s *Store) leaveBlock(e *entry) {
	b := e.blk
	if b == nil {
		return
	}
	e.blk = nil
	s.q[e.class].held--
	if i := b.index(e.seq); i >= 0 && b.at[i] == e {
		b.at[i] = nil
	}
	if b.refs--; b.refs > 0 {
		return
	}
	if b.at = nil; b.done == nil && s.blocks[b.key] == b {
		delete(s.blocks, b.key)
	}
}

// entry is the record at k as it is in memory, or nil. b is the block in which it
// would be on disk, nil when memory knows of none.
func (s *Store) entry(k key, b *block) *entry {
	if b != nil && b.at != nil {
		if i := b.index(k.seq); i >= 0 && b.at[i] != nil {
			return b.at[i]
		}
	}
	return s.known[k]
}

// apart gives a record that was read with its block memory of its own: it may
// stay long after the others are gone.
func (s *Store) apart(e *entry) *entry {
	if e.slab == nil || e.blk == nil {
		return e
	}
	own := *e
	own.slab, own.mem, own.rec.Body = nil, e.size, bytes.Clone(e.rec.Body)
	s.memBytes += own.mem
	own.blk.place(&own)
	e.blk = nil
	s.unload(e)
	return &own
}

// entries returns every record in memory.
func (s *Store) entries() []*entry {
	all := slices.Collect(maps.Values(s.known))
	for _, b := range s.blocks {
		for _, e := range b.at {
			if e != nil {
				all = append(all, e)
			}
		}
	}
	return all
}

// settleStored notes that e, which is on disk, is settled. The next commit takes
// the mark along, and deletes blocks of which nothing is left.
func (s *Store) settleStored(e *entry) {
	b, q := e.blk, &s.q[e.class]
	if i := b.index(e.seq); i >= 0 && b.settle(i) {
		if s.building {
			if b.late == nil {
				b.late = make([]uint64, len(b.done))
				s.late = append(s.late, b)
			}
			b.late[i/64] |= 1 << (i % 64)
		}
		q.disk.less(1, e.size)
		if s.unsaved++; b.left == 0 {
			s.emptied = append(s.emptied, b)
		}
	}
	s.leaveBlock(e)
	s.markLazy()
}
