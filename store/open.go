package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
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

// openFile opens the file, or sets it aside and goes on with a fresh one that
// holds what could be salvaged. An error is worth another attempt, except
// ErrLocked.
func (s *Store) openFile(ctx context.Context, held *os.File) opened {
	s.mu.Lock()
	aside := s.aside
	if aside == errShrink {
		s.aside = nil // when it fails the old file is as good as before
	}
	s.mu.Unlock()
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return opened{err: errors.Join(err, closeHeld(held))}
	}
	if err := s.enterOpening(); err != nil && aside == nil {
		aside = err
	}
	if aside == nil {
		d, err := openDisk(ctx, s.path(), held, s.o, s.tell)
		if held = nil; err == nil {
			var l *loaded
			if l, err = load(d); err == nil {
				s.leaveOpening()
				return opened{disk: d, loaded: l}
			}
			if errors.Is(err, errFormat1) {
				o := s.migrate(ctx, d)
				s.leaveOpening()
				return o
			}
			d.abandon()
		}
		switch {
		case errors.Is(err, errDamaged) || errors.Is(err, fs.ErrPermission):
			aside = err
		case !errors.Is(err, fs.ErrNotExist):
			s.leaveOpening() // this one came to its end
			return opened{err: err}
		}
	}
	o := s.replace(ctx, held, aside)
	s.leaveOpening()
	s.tell(Progress{})
	return o
}

func closeHeld(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// replace makes a fresh file, with what the old one still holds when aside is set.
func (s *Store) replace(ctx context.Context, old *os.File, aside error) opened {
	g := &finds{whole: true}
	if aside != nil {
		if old == nil {
			old, _ = os.Open(s.path()) // what cannot be read is only set aside
		}
		g = &finds{}
		if info, err := statFile(old); err == nil && info.Mode().IsRegular() {
			if g, err = scan(ctx, old, info.Size(), s.tell); err != nil {
				return opened{err: errors.Join(err, old.Close())}
			}
		}
	}
	state, keep := s.seed(g)
	r, err := s.rebuild(ctx, old, g, state, keep)
	err = errors.Join(err, closeHeld(old))
	if r == nil {
		return opened{err: err}
	}
	d, err := s.publish(r.disk, aside != nil && aside != errShrink)
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

func statFile(f *os.File) (fs.FileInfo, error) {
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return f.Stat()
}

// seed says what a fresh file begins with and what of the old one it takes over.
// Memory knows better than a file that was in use: it is asked then, and the
// commit whose end was unknown is found to have happened or not.
func (s *Store) seed(g *finds) (state persisted, keep func(*piece) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.adopted {
		state = persisted{Clean: len(g.blocks) == 0 && g.state == nil}
		if g.state != nil {
			state = *g.state
		}
		state.Run, state.Txn = max(state.Run, g.run), max(state.Txn, g.txn)
		return state, func(*piece) bool { return true }
	}
	s.decideLimbo(g.state, g.whole)
	b := &batch{}
	state = s.snapshot(b)
	state.Txn = s.txn
	b.marks, _ = s.partials()
	state.partial = b.marked()
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
	return state, s.current
}

// current says that a block of the file that was in use is still as memory knows it.
func (s *Store) current(p *piece) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mine(p.key)
	if p.txn > s.txn {
		return false
	}
	b := s.blocks[k]
	if b != nil && (b.left == 0 || b.n != p.n) {
		return false
	}
	e := s.entry(k, b)
	return e == nil || e.onDisk
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
