package store

import (
	"bytes"
	"context"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// deadOp is one RetryDead or DropDead, carried out by the next commit.
type deadOp struct {
	ids  map[ID]bool // nil = all
	drop bool
	n    int
	done chan error
}

// RetryDead queues dead letters again, with their IDs and at their old place in
// the order; none given means all. It returns how many there were, when that is
// on disk.
func (s *Store) RetryDead(ctx context.Context, ids ...ID) (int, error) {
	return s.deadOp(ctx, ids, false)
}

// DropDead loses dead letters; none given means all. It returns how many there
// were, when that is on disk.
func (s *Store) DropDead(ctx context.Context, ids ...ID) (int, error) {
	return s.deadOp(ctx, ids, true)
}

func (s *Store) deadOp(ctx context.Context, ids []ID, drop bool) (int, error) {
	if err := s.waitOpen(ctx); err != nil {
		return 0, err
	}
	op := &deadOp{drop: drop, done: make(chan error, 1)}
	if len(ids) > 0 {
		op.ids = make(map[ID]bool, len(ids))
		for _, id := range ids {
			op.ids[id] = true
		}
	}
	s.mu.Lock()
	if s.ended || !s.open {
		defer s.mu.Unlock()
		return 0, s.refusal()
	}
	s.dead.ops = append(s.dead.ops, op)
	s.mu.Unlock()
	s.urge()
	select {
	case err := <-op.done:
		return op.n, err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.closed:
		return 0, ErrClosed
	}
}

func endOps(ops []*deadOp, err error) {
	for _, op := range ops {
		op.done <- err
	}
}

// revival is a record that was put back.
type revival struct {
	key
	rec Record
}

// writeOps carries out what was asked of the dead letters.
func (s *Store) writeOps(tx *bolt.Tx, b *batch) error {
	for _, op := range b.ops {
		op.n = 0
		var gone [][]byte
		var back []revival
		err := tx.Bucket(bucketDead).ForEach(func(k, v []byte) error {
			p, ok := parseKey(k, s.run)
			d, err := decodeDead(k, v)
			if !ok || err != nil || op.ids != nil && !op.ids[d.Record.ID] {
				return nil
			}
			op.n++
			gone = append(gone, slices.Clone(k))
			size := recordLen(&d.Record) + recordOverhead
			b.state.DeadLetters.Count -= min(1, b.state.DeadLetters.Count)
			b.state.DeadLetters.Bytes = max(b.state.DeadLetters.Bytes-int64(len(v)+recordOverhead), 0)
			if op.drop {
				b.lost.add(lossOf(LostDropped, &d.Record, size))
				b.undead[p.class]++
				return nil
			}
			back = append(back, revival{p, d.Record})
			b.revived[p.class].more(1, size)
			b.unread = append(b.unread, p)
			return nil
		})
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := tx.Bucket(bucketDead).Delete(k); err != nil {
				return err
			}
		}
		if err := s.putBack(tx.Bucket(bucketBlocks), b, back); err != nil {
			return err
		}
	}
	for c := range b.revived {
		pc := &b.state.Classes[c]
		pc.Count += b.revived[c].Count
		pc.Raw += b.revived[c].Raw
		pc.Dead -= min(b.revived[c].Count, pc.Dead)
	}
	return nil
}

// putBack puts records, which are in order, into the blocks that span their place,
// or between these.
func (s *Store) putBack(bucket *bolt.Bucket, b *batch, back []revival) error {
	for len(back) > 0 {
		at := back[0].key
		at.seq--
		k, v := seekBlock(bucket.Cursor(), at, s.run)
		h, recs, err := s.packer.decodeBlock(k, v, s.run)
		n := 1
		if k == nil || err != nil || h.class != back[0].class || h.run != back[0].run || h.seq > back[0].seq {
			h, recs = blockHead{key: back[0].key, last: back[0].seq}, nil
		} else {
			for n < len(back) && back[n].class == h.class && back[n].run == h.run && back[n].seq <= h.last {
				n++
			}
		}
		if err := s.merge(bucket, b, &h, recs, back[:n]); err != nil {
			return err
		}
		back = back[n:]
	}
	return nil
}

// merge writes a block anew with back among its records.
func (s *Store) merge(bucket *bolt.Bucket, b *batch, h *blockHead, recs []Record, back []revival) error {
	s.mu.Lock()
	r := recast{block: s.blockAt(h)}
	if r.block != nil {
		r.done = r.block.doneBefore()
	}
	s.mu.Unlock()
	was := block{done: r.done}
	var keep []*Record
	for i := range recs {
		if !was.settled(i) {
			keep = append(keep, &recs[i])
		}
	}
	for i := range back {
		keep = append(keep, &back[i].rec)
	}
	sort.Slice(keep, func(i, j int) bool { return keep[i].Seq < keep[j].Seq })
	keep = slices.CompactFunc(keep, func(x, y *Record) bool { return x.Seq == y.Seq })
	for _, rec := range keep {
		r.seqs = append(r.seqs, rec.Seq)
	}
	nb, err := s.encode(keep, retried, h.run)
	if err != nil {
		return err
	}
	if recs != nil {
		old := blockKey(h.key, h.n, s.run)
		if !bytes.Equal(nb.k, old) {
			if err := bucket.Delete(old); err != nil {
				return err
			}
		}
		b.state.Classes[h.class].Bytes -= int64(h.storedSize)
	}
	if err := bucket.Put(nb.k, nb.v); err != nil {
		return err
	}
	b.state.Classes[h.class].Bytes += int64(nb.head.storedSize)
	r.head = nb.head
	again := slices.IndexFunc(b.recasts, func(x recast) bool { return x.head.key == h.key && h.txn == s.writing })
	switch {
	case again >= 0:
		b.recasts[again].head, b.recasts[again].seqs = r.head, r.seqs
	case r.block != nil:
		b.recasts = append(b.recasts, r)
	}
	return nil
}

// bookOps takes up what was put back or dropped.
func (s *Store) bookOps(b *batch) {
	for c := range b.revived {
		q, n := &s.q[c], b.revived[c]
		q.stats.Dead -= min(n.Count, q.stats.Dead)
		q.stats.Queued += n.Count
		q.stats.Bytes += n.Raw
		q.disk.more(n.Count, int(n.Raw))
	}
	for _, k := range b.unread {
		s.q[k.class].unread(k)
	}
	endOps(b.ops, nil)
}
