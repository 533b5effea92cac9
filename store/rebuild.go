package store

import (
	"context"
	"io"

	bolt "go.etcd.io/bbolt"
)

// rebuilt is a fresh file that holds what was found in another.
type rebuilt struct {
	disk   *disk
	blocks map[key]int // records of each block taken over
	dead   [Classes]uint64
	counts [Classes]onDisk
	whole  bool   // nothing is missing but what the counters tell
	marks  []byte // of records of these blocks that are settled, for the meta record
}

// keeper says whether a block is taken over, and which of its records are settled:
// nil = none.
type keeper func(p *piece, recs []Record) (done *block, ok bool)

// rebuild makes a fresh file for path with the blocks that keep allows, and with state,
// whose counts it corrects. What does not fit the disk any more is left out.
func (s *Store) rebuild(ctx context.Context, path string, src io.ReaderAt, g *finds, state persisted, keep keeper) (*rebuilt, error) {
	d, err := createDisk(path, s.o)
	if err != nil {
		return nil, err
	}
	r := &rebuilt{disk: d, blocks: map[key]int{}, whole: g.whole}
	d.db.NoSync = true // nothing counts before the file has its name
	err = r.takeOver(ctx, s, src, g, keep)
	if err == nil {
		err = d.update(func(tx *bolt.Tx) error { return r.finish(tx, g, state) })
	}
	if err == nil && !s.o.NoSync {
		err = guard(d.db.Sync)
	}
	d.db.NoSync = s.o.NoSync
	if err != nil {
		d.abandon()
		return nil, err
	}
	return r, nil
}

func (r *rebuilt) takeOver(ctx context.Context, s *Store, src io.ReaderAt, g *finds, keep keeper) error {
	var packer compressor
	pieces := g.sorted()
	for from := 0; from < len(pieces); {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.tell(Progress{"rebuilding", int64(from), int64(len(pieces))})
		to, size := from, 0
		for ; to < len(pieces) && size < batchBytes; to++ {
			size += pieces[to].length
		}
		before, marks := r.counts, len(r.marks)
		err := r.disk.update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(bucketBlocks)
			bucket.FillPercent = 1
			for _, p := range pieces[from:to] {
				v, err := p.value(src)
				if err != nil {
					continue
				}
				k := blockKey(p.key, p.n, 0)
				_, recs, err := packer.decodeBlock(k, v, 0)
				if err != nil {
					continue
				}
				done, ok := keep(p, recs)
				if !ok {
					continue
				}
				if err := bucket.Put(k, v); err != nil {
					return err
				}
				r.take(p, recs, len(v), done)
			}
			return nil
		})
		if isFull(err) {
			r.counts, r.marks = before, r.marks[:marks]
			for _, p := range pieces[from:to] {
				delete(r.blocks, p.key)
			}
			return nil
		}
		if err != nil {
			return err
		}
		from = to
	}
	return r.takeDead(src, g)
}

func (r *rebuilt) take(p *piece, recs []Record, length int, done *block) {
	r.blocks[p.key] = p.n
	c := &r.counts[p.class]
	c.Bytes += int64(length + blockOverhead)
	for i := range recs {
		if !done.settled(i) {
			c.more(1, recordLen(&recs[i])+recordOverhead)
		}
	}
	if done != nil {
		r.marks = appendPartial(r.marks, done, done.run)
	}
}

func (r *rebuilt) takeDead(src io.ReaderAt, g *finds) error {
	err := r.disk.update(func(tx *bolt.Tx) error {
		for _, p := range sortPieces(g.dead) {
			v, err := p.value(src)
			if err != nil {
				continue
			}
			if err := tx.Bucket(bucketDead).Put(p.key.bytes(0), v); err != nil {
				return err
			}
			r.dead[p.class]++
		}
		return nil
	})
	if isFull(err) {
		r.dead = [Classes]uint64{}
		return nil
	}
	return err
}

// finish writes all but the records.
func (r *rebuilt) finish(tx *bolt.Tx, g *finds, state persisted) error {
	state.DeadLetters, state.partial = onDisk{}, r.marks
	for _, p := range g.dead {
		if r.dead[p.class] > 0 {
			state.DeadLetters.Count++
			state.DeadLetters.Bytes += int64(p.length + recordOverhead)
		}
	}
	for c := range state.Classes {
		pc := &state.Classes[c]
		pc.onDisk, pc.Dead = r.counts[c], r.dead[c]
	}
	for id, e := range g.ledger {
		state.Ledger = max(state.Ledger, id)
		if err := putJSON(tx.Bucket(bucketLedger), tagLedger, numberKey(id), e); err != nil {
			return err
		}
	}
	for id, row := range g.journal {
		state.Journal = max(state.Journal, id)
		if err := putJSON(tx.Bucket(bucketJournal), tagJournal, numberKey(id), row); err != nil {
			return err
		}
	}
	if err := writeBoots(tx, g.boots); err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyState, state.encode())
}
