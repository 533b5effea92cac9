package store

import (
	"context"
	"errors"
	"fmt"
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
	dels    []*entry
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

	lost    tally           // by eviction in this transaction
	evicted [Classes]onDisk // of these, records
	unput   [Classes]onDisk // of evicted, those that never were on disk
	undead  [Classes]uint64 // of lost, dead letters
	victims []*entry        // of evicted, those that are in memory
	plans   []*lossEntry    // where lost goes, one for one
	oldest  [Classes]clock.Stamp
}

func (b *batch) empty() bool {
	return len(b.puts)+len(b.dels)+len(b.dead)+len(b.ledger)+len(b.forget)+len(b.journal)+len(b.jputs)+len(b.jdels) == 0
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
	s.io <- struct{}{}
	defer func() { <-s.io }()
	s.mu.Lock()
	if s.disk == nil {
		s.mu.Unlock()
		return false, errNotOpen
	}
	b := s.build(final)
	s.mu.Unlock()
	if b == nil {
		return false, nil
	}
	if b.state.Clean {
		s.disk.db.NoFreelistSync = false // the next start need not walk the file
	}
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
	s.commits++
	if !s.disk.db.NoSync {
		s.syncs += 2 // data pages, then the meta page
		if after > before {
			s.syncs++
		}
	}
	s.booked(b)
	s.recovered()
	s.wake()
	return b.more, nil
}

// write carries out b.
func (s *Store) write(tx *bolt.Tx, b *batch) error {
	queue := tx.Bucket(bucketQueue)
	queue.FillPercent = 0.9 // keys of a class come in order
	for _, e := range b.dels {
		if err := queue.Delete(e.key.bytes(s.run)); err != nil {
			return err
		}
	}
	for _, d := range b.dead {
		n, err := putDead(tx, d, s.run)
		if err != nil {
			return err
		}
		b.state.DeadLetters.Count++
		b.state.DeadLetters.Bytes += n
		if d.e.onDisk {
			if err := queue.Delete(d.e.key.bytes(s.run)); err != nil {
				return err
			}
		}
	}
	if err := s.trimDead(tx, b); err != nil {
		return err
	}
	if err := s.makeRoom(tx, b); err != nil {
		return err
	}
	total := 0
	for _, e := range b.puts {
		total += e.size
	}
	arena := make([]byte, 0, total)
	for _, e := range b.puts {
		from := len(arena)
		arena = appendRecord(arena, &e.rec)
		if err := queue.Put(e.key.bytes(s.run), arena[from:len(arena):len(arena)]); err != nil {
			return err
		}
	}
	if err := s.writeLedger(tx, b); err != nil {
		return err
	}
	if err := writeJournal(tx, b); err != nil {
		return err
	}
	for c := range b.oldest {
		if k, v := queue.Cursor().Seek([]byte{byte(c)}); k != nil && k[0] == byte(c) {
			if r, err := decodeRecord(v); err == nil {
				b.oldest[c] = r.Stamp
			}
		}
	}
	return putJSON(tx.Bucket(bucketState), keyState, b.state)
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
