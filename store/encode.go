package store

import bolt "go.etcd.io/bbolt"

// ready is a block ready to be put.
type ready struct {
	head    blockHead
	k, v    []byte
	entries []*entry
	seqs    []uint64
}

// encode packs records of one run into one block.
func (s *Store) encode(recs []*Record, flags byte, run uint32) (ready, error) {
	first, last := recs[0], recs[len(recs)-1]
	w := s.marks[first.Class]
	h := blockHead{
		key: key{first.Class, run, first.Seq}, n: len(recs), last: last.Seq, store: first.Store, epoch: first.Epoch,
		flags: flags, txn: s.writing, ackRun: w.run, ackSeq: w.seq,
	}
	raw := s.raw[:0]
	prev := &Record{}
	for _, r := range recs {
		raw = appendInBlock(raw, r, prev)
		prev = r
	}
	if cap(raw) <= 4*blockRaw {
		s.raw = raw
	}
	k, v, err := s.packer.encodeBlock(h, raw, s.run)
	h.storedSize = len(v) + blockOverhead
	return ready{head: h, k: k, v: v}, err
}

// encodePuts packs what b puts: records of a class and a run, about as many as
// one block takes.
func (s *Store) encodePuts(queue *bolt.Bucket, b *batch) error {
	for from := 0; from < len(b.puts); {
		first, size, to := b.puts[from], 0, from
		for ; to < len(b.puts) && to-from < blockRecords; to++ {
			e := b.puts[to]
			if e.class != first.class || e.run != first.run || to > from && size+e.rawLen() > s.target {
				break
			}
			if to > from && s.between(queue, b.puts[to-1].key, e.key) {
				break
			}
			size += e.rawLen()
		}
		if err := s.encodeRun(b, b.puts[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// between says that a block lies in the gap between two keys, as one that was put
// back does: blocks must not span each other.
func (s *Store) between(queue *bolt.Bucket, from, to key) bool {
	if from.seq+1 == to.seq {
		return false
	}
	from.seq++
	k, _ := queue.Cursor().Seek(from.bytes(s.run))
	first, _, ok := parseBlockKey(k, s.run)
	return ok && first.class == to.class && first.run == to.run && first.seq < to.seq
}

// encodeRun makes one block of the entries, or more when they pack badly.
func (s *Store) encodeRun(b *batch, entries []*entry) error {
	recs := make([]*Record, len(entries))
	for i, e := range entries {
		recs[i] = &e.rec
	}
	r, err := s.encode(recs, 0, entries[0].run)
	if err != nil {
		return err
	}
	if len(r.v) > blockStored && len(entries) > 1 {
		s.target = max(s.target*blockStored/len(r.v), blockRaw/8)
		half := len(entries) / 2
		if err := s.encodeRun(b, entries[:half]); err != nil {
			return err
		}
		return s.encodeRun(b, entries[half:])
	}
	if len(r.v) < blockStored*6/10 {
		s.target = min(s.target+s.target/8, blockRaw)
	}
	r.entries = entries
	for _, e := range entries {
		r.seqs = append(r.seqs, e.seq)
	}
	b.blocks = append(b.blocks, r)
	return nil
}

// rawLen is about what the record takes in a block before it is packed.
func (e *entry) rawLen() int { return e.size - recordOverhead - fixedLen/2 }
