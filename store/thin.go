package store

import (
	"slices"

	bolt "go.etcd.io/bbolt"
)

// thin leaves one record in KeepOneIn of the oldest blocks of a class that were
// not thinned since all of them were. It goes on where the last call ended.
func (s *Store) thin(bucket *bolt.Bucket, b *batch, class Class, need int64) (freed int64, err error) {
	for range 2 {
		for freed < need {
			from := s.thinned[class]
			from.class = class
			k, v := seekBlock(bucket.Cursor(), from, s.run)
			first, n, ok := parseBlockKey(k, s.run)
			if !ok || first.class != class {
				break
			}
			last := first.seq + uint64(n) - 1
			s.disk.read(bucket.Tx(), len(v))
			h, recs, err := s.packer.decodeBlock(k, v, s.run)
			if err == nil {
				last = h.last
				size, err := s.thinBlock(bucket, b, &h, recs)
				if err != nil {
					return freed, err
				}
				freed += size
			}
			s.thinned[class] = key{class, first.run, last}
		}
		if freed >= need {
			break
		}
		s.thinned[class] = key{class: class}
	}
	b.state.Classes[class].Bytes -= freed
	return freed, nil
}

// thinnedTo is how far each class was thinned, as the file has it: it goes on there
// after a restart too, else the oldest would be thinned again and again.
func (s *Store) thinnedTo() (out []key) {
	for _, k := range s.thinned {
		if k.seq == 0 {
			continue
		}
		if k.run == thisRun {
			k.run = s.run
		}
		out = append(out, k)
	}
	return out
}

// thinBlock thins one block, unless little would be gained.
func (s *Store) thinBlock(bucket *bolt.Bucket, b *batch, h *blockHead, recs []Record) (freed int64, err error) {
	r, keep := s.pick(b, h, recs)
	if r == nil {
		return 0, nil
	}
	old := blockKey(h.key, h.n, s.run)
	if err := bucket.Delete(slices.Clone(old)); err != nil {
		return 0, err
	}
	if len(keep) == 0 {
		if r.block != nil {
			b.removed = append(b.removed, r.block)
		}
		return int64(h.storedSize), nil
	}
	nb, err := s.encode(keep, h.flags&retried, h.run)
	if err != nil {
		return 0, err
	}
	if err := bucket.Put(nb.k, nb.v); err != nil {
		return 0, err
	}
	if r.head = nb.head; r.block != nil {
		b.recasts = append(b.recasts, *r)
	}
	return int64(h.storedSize - nb.head.storedSize), nil
}

// pick claims the records that go and returns those that stay. It returns nil when
// none goes.
func (s *Store) pick(b *batch, h *blockHead, recs []Record) (*recast, []*Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blk := s.blockAt(h)
	if h.txn == s.writing || blk != nil && blk.left == 0 {
		return nil, nil
	}
	r := &recast{block: blk}
	gone := block{n: h.n, left: h.n}
	var keep []*Record
	for i := range recs {
		k := key{h.class, h.run, recs[i].Seq}
		e := s.entry(k, s.blocks[h.key])
		switch {
		case blk.settled(i) && !blk.settledLate(i):
			gone.settle(i)
			continue
		case blk.settledLate(i) || s.led.tells(k) || e != nil && e.state != free || s.tick%s.o.KeepOneIn == 0:
			keep = append(keep, &recs[i])
			r.seqs = append(r.seqs, recs[i].Seq)
		default:
			gone.settle(i)
			if e != nil {
				s.claimed(b, e)
			}
			size := recordLen(&recs[i]) + recordOverhead
			b.evicted[h.class].more(1, size)
			b.lost.add(lossOf(LostThinned, &recs[i], size))
		}
		s.tick++
	}
	if len(keep) == len(recs) {
		return nil, nil
	}
	r.done = gone.done
	return r, keep
}
