package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"fieldpost/internal/clock"
)

// batchBytes bounds the records of one transaction, a quarter of MaxMemory too:
// what is being written cannot make room.
const batchBytes = 1 << 20

// batch is what one transaction does. It is filled under mu, carried out without,
// and booked under mu again.
type batch struct {
	final   bool
	puts    []*entry
	blocks  []ready  // of puts
	dels    []*block // nothing is left of them
	marks   []mark   // of blocks that are settled in part
	loosen  []*block // of these, to be written anew, without what is settled
	recasts []recast // of these
	unsaved int      // settled records whose marks the state carries
	tails   [Classes]key
	now     clock.Stamp
	boots   []Boot // nil = as they are
	ops     []*deadOp
	revived [Classes]onDisk // records put back by ops
	unread  []key           // of these
	dead    []*deadLetter
	ledger  []lossEntry
	forget  []uint64 // ledger entries to delete
	journal []*journalReq
	jputs   []journalRow
	jdels   []uint64
	state   persisted
	more    bool  // records were left for the next
	limit   int64 // bytes on disk to stay below
	trim    bool  // this one only makes room for the next
	again   bool  // what should have gone must wait for the next

	lost    tally           // by eviction in this transaction
	evicted [Classes]onDisk // of these, records
	unput   [Classes]onDisk // of evicted, those that never were on disk
	removed []*block        // evicted
	undead  [Classes]uint64 // of lost, dead letters
	victims []*entry        // of evicted, those that are in memory
	plans   []*lossEntry    // where lost goes, one for one
	oldest  [Classes]clock.Stamp
}

func (b *batch) empty() bool {
	return len(b.puts)+len(b.dels)+b.unsaved+len(b.dead)+len(b.ledger)+len(b.forget)+len(b.journal)+len(b.jputs)+len(b.jdels)+len(b.ops) == 0
}

// commitAll commits what there is, in as many transactions as it takes.
func (s *Store) commitAll(final bool) error {
	for {
		more, err := s.commit(final)
		if err != nil || !more {
			return err
		}
	}
}

// commit carries out one transaction, or none when there is nothing to do.
func (s *Store) commit(final bool) (more bool, err error) {
	s.pulse.Beat()
	if s.o.OnCommit != nil {
		s.o.OnCommit()
	}
	s.io <- struct{}{}
	defer func() { <-s.io }()
	held := s.hold()
	s.mu.Lock()
	if s.disk == nil {
		s.mu.Unlock()
		return false, errNotOpen
	}
	if held != nil {
		s.troubled(held)
		s.mu.Unlock()
		return false, held
	}
	b := s.build(final)
	s.mu.Unlock()
	if b == nil {
		return false, nil
	}
	if b.state.Clean {
		s.disk.db.NoFreelistSync = false // the next start need not walk the file
	}
	s.disk.fill()
	before := s.disk.size()
	if err = s.disk.inPlace(); err == nil {
		err = s.disk.update(func(tx *bolt.Tx) error { return s.write(tx, b) })
	}
	after := s.disk.size()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFile = after
	if err != nil {
		if errors.Is(err, errCommit) && !isFull(err) && !errors.Is(err, errDamaged) {
			s.limbo = b
		} else {
			s.undone(b, err)
		}
		s.wake()
		s.troubled(err)
		return false, err
	}
	s.counted(after > before)
	s.booked(b)
	s.recovered()
	s.wake()
	return b.more || b.again, nil
}

// write carries out b.
func (s *Store) write(tx *bolt.Tx, b *batch) error {
	queue := tx.Bucket(bucketBlocks)
	queue.FillPercent = 1 // keys of a class come in order
	for _, k := range b.dels {
		if err := queue.Delete(blockKey(k.key, k.n, s.run)); err != nil {
			return err
		}
		b.state.Classes[k.class].Bytes -= int64(k.stored)
	}
	for _, d := range b.dead {
		n, err := putDead(tx, d, s.run)
		if err != nil {
			return err
		}
		b.state.DeadLetters.Count++
		b.state.DeadLetters.Bytes += n
	}
	if err := s.trimDead(tx, b); err != nil {
		return err
	}
	s.writing = b.state.Txn
	defer func() { s.writing = 0 }()
	s.watermarks(queue, b)
	if err := s.writeOps(tx, b); err != nil {
		return err
	}
	for _, k := range b.loosen {
		if slices.ContainsFunc(b.recasts, func(r recast) bool { return r.block == k }) {
			continue
		}
		if err := s.recastBlock(queue, b, k); err != nil {
			return err
		}
	}
	if err := s.encodePuts(queue, b); err != nil {
		return err
	}
	if err := s.makeRoom(tx, b); err != nil {
		return err
	}
	for i := range b.blocks {
		r := &b.blocks[i]
		if err := queue.Put(r.k, r.v); err != nil {
			return err
		}
	}
	if err := s.writeLedger(tx, b); err != nil {
		return err
	}
	if err := writeJournal(tx, b); err != nil {
		return err
	}
	if err := writeBoots(tx, b.boots); err != nil {
		return err
	}
	for c := range b.oldest {
		b.oldest[c] = s.oldestStored(queue, Class(c))
	}
	b.state.partial = b.marked()
	b.state.Thinned = s.thinnedTo()
	return tx.Bucket(bucketMeta).Put(keyState, b.state.encode())
}

// markTails notes below what the watermarks of the transaction stay.
func (s *Store) markTails(b *batch) {
	for c := range s.q[:Debug] {
		q := &s.q[c]
		b.tails[c] = key{Class(c), thisRun, q.next}
		for _, e := range q.dirty.live() {
			if e.state < gone && !e.onDisk {
				b.tails[c] = e.key
				b.tails[c].seq--
				break
			}
		}
	}
}

// watermarks finds, per class, the last key up to which everything is settled.
func (s *Store) watermarks(queue *bolt.Bucket, b *batch) {
	for c := range s.q[:Debug] {
		w := b.tails[c]
		if k, _ := queue.Cursor().Seek([]byte{byte(c)}); k != nil {
			if first, _, ok := parseBlockKey(k, s.run); ok && first.class == Class(c) {
				s.mu.Lock()
				if blk := s.blocks[first]; blk != nil {
					first.seq = blk.firstLive()
				}
				s.mu.Unlock()
				first.seq--
				if first.less(w) {
					w = first
				}
			}
		}
		if w.run == thisRun {
			w.run = s.run
		}
		s.marks[c] = w
	}
}

// oldestStored is the stamp of the first record of a class that is on disk.
func (s *Store) oldestStored(queue *bolt.Bucket, c Class) (st clock.Stamp) {
	k, v := queue.Cursor().Seek([]byte{byte(c)})
	if k == nil || k[0] != byte(c) {
		return st
	}
	h, recs, err := s.packer.decodeBlock(k, v, s.run)
	if err != nil {
		return st
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	blk := s.blockAt(&h)
	for i := range recs {
		if !blk.settled(i) {
			return recs[i].Stamp
		}
	}
	return st
}

// Flush commits now whatever waits, and returns when it is on disk.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.waitOpen(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	s.mu.Lock()
	if s.ended || !s.open {
		err := s.refusal()
		s.mu.Unlock()
		return fmt.Errorf("flush queue %s: %w", s.o.Dir, err)
	}
	s.waiting = append(s.waiting, done)
	s.mu.Unlock()
	s.urge()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("flush queue %s: %w", s.o.Dir, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return ErrClosed
	}
}

// isFull tells an error that room would cure. bbolt keeps only the text of what
// stopped the file from growing.
func isFull(err error) bool {
	return errors.Is(err, berrors.ErrMaxSizeReached) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EFBIG) || err != nil && strings.Contains(err.Error(), "file resize error")
}
