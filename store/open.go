package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"fieldpost/internal/keep"
)

// opened is the end of one attempt to open the file.
type opened struct {
	disk   *disk
	loaded *loaded
	fresh  *rebuilt // the file is another than before, or nil
	had    *finds   // what was found in the old one
	aside  error    // why the file that was there was set aside
	err    error
}

// errGone is why a fresh file is not the first: what an earlier one held is lost.
var errGone = damaged("there is none, though an earlier start made one")

// openFile opens the file, or sets it aside and goes on with a fresh one that
// holds what could be salvaged. An error is worth another attempt, except
// ErrLocked. A file that is refused for its rights is none that is damaged: it is
// left as it is, whatever else is known of it, until they are back.
func (s *Store) openFile(ctx context.Context, held *os.File) opened {
	s.mu.Lock()
	aside, first := s.aside, !s.adopted
	if aside == errShrink {
		s.aside = nil // when it fails the old file is as good as before
	}
	lost := first && s.ident.queue
	s.mu.Unlock()
	if err := keep.Folder(s.o.Dir); err != nil {
		return opened{err: errors.Join(err, closeHeld(held))}
	}
	path, err := locate(s.path())
	if held == nil && err == nil {
		held, err = lockFile(path, 0)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return opened{err: err}
	case aside != nil:
	case errors.Is(err, errDamaged):
		aside = err
	case errors.Is(err, fs.ErrNotExist):
		if lost {
			aside = errGone
		}
	case err != nil:
		return opened{err: err}
	}
	if err := s.enterOpening(); err != nil && aside == nil {
		aside = err
	}
	if held != nil && aside == nil {
		o := s.openAsItIs(ctx, path, held)
		if !errors.Is(o.err, errDamaged) {
			s.leaveOpening() // this one came to its end
			return o
		}
		held, aside = nil, o.err
	}
	o := s.replace(ctx, path, held, aside)
	if o.err == nil {
		s.madeQueue()
	}
	s.leaveOpening()
	s.tell(Progress{})
	return o
}

// openAsItIs opens the file when nothing is wrong with it.
func (s *Store) openAsItIs(ctx context.Context, path string, held *os.File) opened {
	d, err := openDisk(ctx, path, held, s.o, s.tell)
	if err != nil {
		return opened{err: err}
	}
	l, err := load(d)
	switch {
	case errors.Is(err, errFormat1):
		o := s.migrate(ctx, d)
		if o.err == nil {
			s.madeQueue()
		}
		return o
	case err != nil:
		d.abandon()
		return opened{err: err}
	}
	s.madeQueue()
	return opened{disk: d, loaded: l}
}

func closeHeld(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// replace makes a fresh file, with what the old one still holds when aside is set.
func (s *Store) replace(ctx context.Context, path string, old *os.File, aside error) opened {
	g := &finds{whole: true}
	if aside != nil {
		g = &finds{}
		if info, err := os.Lstat(path); old == nil && err == nil && info.Mode().IsRegular() { // opening anything else may never end
			old, _ = os.Open(path) // what cannot be read is only set aside
		}
		if info, err := statFile(old); err == nil && !errors.Is(aside, errDeadly) {
			if g, err = scan(ctx, old, info.Size(), s.committed(), s.tell); err != nil {
				return opened{err: errors.Join(err, old.Close())}
			}
		}
	}
	state, keep := s.seed(g)
	r, err := s.rebuild(ctx, path, old, g, state, keep)
	err = errors.Join(err, closeHeld(old))
	if r == nil {
		return opened{err: err}
	}
	d, err := s.publish(r.disk, path, aside != nil && aside != errShrink)
	if err != nil {
		return opened{err: err}
	}
	l, err := load(d)
	if err != nil {
		d.abandon()
		return opened{err: err}
	}
	l.unsure = l.unsure || !r.whole
	return opened{disk: d, loaded: l, fresh: r, had: g, aside: aside}
}

// committed is the number of the last commit, 0 before the first file is in use.
func (s *Store) committed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.adopted {
		return 0
	}
	return s.txn
}

func statFile(f *os.File) (fs.FileInfo, error) {
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return f.Stat()
}

// seed says what a fresh file begins with and what of the old one it takes over.
// Memory knows better than a file that was in use: it is asked then, and the
// commit whose end was unknown is found to have happened or not.
func (s *Store) seed(g *finds) (state persisted, keep keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.adopted {
		state = persisted{Clean: len(g.blocks) == 0 && g.state == nil}
		if g.state != nil {
			state = *g.state
		}
		keep = marked(&state)
		state.Run, state.Txn = max(state.Run, g.run), max(state.Txn, g.txn)
		return state, keep
	}
	s.decideLimbo(g.state, g.whole)
	state = s.snapshot(&batch{})
	state.Txn = s.txn
	g.ledger, g.journal = map[uint64]*lossEntry{}, map[uint64]journalRow{}
	for _, e := range s.led.entries {
		copied := *e
		g.ledger[e.ID] = &copied
	}
	for _, it := range s.jr.order {
		if it.onDisk {
			g.journal[it.id] = rowOf(it.id, &it.JournalEntry)
		}
	}
	return state, s.current()
}

// marked takes over every block, settled as p says. What was put into a block
// after p was written is not settled in it.
func marked(p *persisted) keeper {
	txn, marks := p.Txn, map[key]*block{}
	for _, b := range parsePartials(p.partial) {
		marks[b.key] = b
	}
	return func(p *piece, _ []Record) (*block, bool) {
		if b := marks[p.key]; b != nil && b.n == p.n && p.txn <= txn {
			return b, true
		}
		return nil, true
	}
}

// current takes over the blocks of a file that was in use as memory knows them. What
// of them is settled: records before the cursor of their class, or of a class that
// was read to its end, that are not in memory. Those that are in memory, and not in this block on disk, are in another
// or will be written again. Called with mu held.
func (s *Store) current() keeper {
	held := map[key]*block{}
	for _, e := range s.entries() {
		if e.onDisk {
			held[e.key] = e.blk
		}
	}
	return func(p *piece, recs []Record) (*block, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		at := s.mine(p.key)
		blk := s.blocks[at]
		other := blk != nil && blk.n != p.n // a later shape of it, which cannot be read
		if p.txn > s.txn || other && blk.refs > 0 {
			return nil, false
		}
		done := blk
		if blk == nil || other {
			done = p.block(at, recs)
		}
		for i := range recs {
			k := at
			k.seq = recs[i].Seq
			b, inMem := held[k]
			q := &s.q[k.class]
			gone := s.known[k] != nil || inMem && b != done || !inMem && (q.exhausted || !q.cursor.less(k))
			if other {
				j := blk.index(k.seq)
				gone = gone || j < 0 || blk.settled(j)
			}
			if gone {
				done.settle(i)
			}
		}
		switch {
		case done.left == 0:
			return nil, false
		case done.done == nil:
			return nil, true
		}
		s.blocks[at] = done
		copied := *done // more may be settled before the file is in use
		copied.done, copied.run = slices.Clone(done.done), p.run
		return &copied, true
	}
}

// block is what memory has to know of the piece, whose records are recs.
func (p *piece) block(at key, recs []Record) *block {
	b := &block{key: at, n: p.n, last: p.last, left: p.n, stored: p.length + blockOverhead}
	if b.last != b.seq+uint64(b.n)-1 {
		for i := range recs {
			b.seqs = append(b.seqs, recs[i].Seq)
		}
	}
	return b
}

// mine is k as memory writes it.
func (s *Store) mine(k key) key {
	if k.run == s.run {
		k.run = thisRun
	}
	return k
}

func (s *Store) tell(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.salvage = p
}
