package store

import (
	"context"
	"time"
)

// doubted hands what a reader met to the committer, which closes the file and opens
// it again, or sets it aside. Called with mu held.
func (s *Store) doubted(err error) {
	s.open, s.opening = false, "reopening: "+err.Error()
	s.doubt = err
	s.urge()
}

// mending says that the file was open and is being opened again.
func (s *Store) mending() bool { return s.adopted && !s.open && !s.failed && !s.ended }

// readAgain is how often a reader tries again with the next file before it says
// what it met.
const readAgain = 3

// reading calls f with io held, when the file is open or cannot be opened: then
// disk is nil. An error of f makes the file doubtful, and the next one is tried.
func (s *Store) reading(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		if err := s.waitOpen(ctx); err != nil {
			return err
		}
		select {
		case s.io <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := f()
		if err != nil {
			s.mu.Lock()
			s.doubted(err)
			s.mu.Unlock()
		}
		<-s.io
		if err == nil || n == readAgain {
			return err
		}
	}
}

// hasRoomToReplace says whether the file can be replaced by one as large, now.
func (s *Store) hasRoomToReplace() bool {
	return (s.renewed < replaceOften || s.now()-s.renewedAt > time.Hour) && (s.free < 0 || s.free-s.o.Headroom > s.inFile)
}

// reconcile is called when the last record of a class was read and fewer came than
// the counters tell. Records that damage hides are looked for in a fresh file;
// when the tree is sound there are none, and they are lost. Called with io held.
func (s *Store) reconcile(ctx context.Context, q *queue, c Class) error {
	w, err := newWalker(ctx, s.disk.file, s.disk.size())
	if err == nil {
		err = w.tree()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := q.unaccounted()
	switch {
	case ctx.Err() != nil:
		q.exhausted = false // the next reader goes on with it
		return ctx.Err()
	case err != nil:
		q.cursor, q.exhausted = key{}, false // what was passed over may be before it
		s.doubted(err)
		return nil
	}
	if missing == 0 {
		return nil
	}
	for k, b := range s.blocks {
		if k.class == c && b.refs == 0 && b.left > 0 { // told of, and not there
			delete(s.blocks, k)
		}
	}
	s.loseStored(q, Loss{Reason: LostDamaged, Class: c, Epoch: s.ident.epoch, Count: missing})
	return nil
}

// unaccounted is how many records the counters tell of beyond those that are in
// memory, when there are no others on disk.
func (q *queue) unaccounted() uint64 {
	if !q.exhausted || q.disk.Count <= q.held {
		return 0
	}
	return q.disk.Count - q.held
}

// loseStored books the loss of queued records that were on disk and cannot be
// read: their size is estimated.
func (s *Store) loseStored(q *queue, l Loss) {
	raw := int64(0)
	if q.disk.Count > 0 {
		raw = q.disk.Raw / int64(q.disk.Count) * int64(l.Count)
	}
	q.disk.less(l.Count, int(raw))
	q.stats.Queued -= l.Count
	q.stats.Lost += l.Count
	q.stats.Bytes -= raw
	s.markLazy()
	if l.Count > 0 {
		l.Bytes = uint64(raw)
		s.lose(l)
	}
}
