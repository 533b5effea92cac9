package store

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// space is what the file has room for. Below high lie the pages that bbolt has used
// so far; what lies above, up to held, is nobody's.
type space struct {
	high   int64 // end of the pages in use, free ones among them
	spare  int64 // free pages below high
	held   int64 // end of what the file system has given for certain
	filled int64 // end of what was written since it was given
	syncs  int   // that growing took, since they were counted
	given  int   // times the file system changed its tables, since they were counted
	zeroes int64 // bytes written ahead, since they were counted
}

const (
	// cowBytes is what a commit takes beside what it stores: every page on the way to
	// one that changes is written anew, and the old one is free for the next commit only.
	cowBytes = 64 << 10
	// growStep is how much more than needed the file grows: each time costs a sync.
	growStep = 1 << 20
	// fillAhead is how far zeroes are written ahead of the pages in use, fillLow when
	// that is done. A write into space that was allocated and never written changes
	// tables of the file system, at half as much again as the page itself; one
	// into space that was written before does not.
	fillAhead = 256 << 10
	fillLow   = 128 << 10
	// allocStep is asked for at once, so that a disk that is nearly full gives what it has.
	allocStep = 256 << 10
)

// room is what the next commits may write before the file has to grow.
func (d *disk) room() int64 { return d.held - d.high + d.spare }

// look finds what of the file is in use.
func (d *disk) look() error {
	if err := d.view(func(tx *bolt.Tx) error { d.high = tx.Size(); return nil }); err != nil {
		return err
	}
	st := d.db.Stats()
	d.spare = int64(st.FreePageN+st.PendingPageN) * filePage
	if d.held == 0 {
		d.db.AllocSize = filePage // from here on the file grows in extend
	}
	d.held, d.filled = max(d.held, d.high), max(d.filled, d.high)
	return nil
}

// extend has the file system give the file space up to end. What it gave before it
// refused is kept.
func (d *disk) extend(end int64) (err error) {
	from := d.held
	for d.held < end && err == nil {
		n := min(end-d.held, allocStep)
		if err = allocate(d.file, d.held, n); err == nil {
			d.held += n
		}
	}
	if d.held == from {
		return err
	}
	d.given++
	if !d.db.NoSync {
		d.syncs++
		if err := d.file.Sync(); err != nil {
			return fmt.Errorf("%w: %w", errCommit, err)
		}
	}
	return err
}

// fill writes zeroes ahead of the pages in use when few are left there. An error is
// for the commit to meet, and to tell.
func (d *disk) fill() {
	from, end := d.filled, min(d.high+fillAhead, d.held)
	if from-d.high+d.spare >= fillLow || from >= end {
		return
	}
	if writeZeroes(d.file, from, end-from) == nil {
		d.filled = end
		d.given++
		d.zeroes += end - from
	}
}

func writeZeroes(f *os.File, off, n int64) error {
	_, err := f.WriteAt(make([]byte, n), off)
	return err
}

// inPages is the space that so many bytes as stored take: pages hold a little less
// than they measure, and two commits may have to copy.
func inPages(stored int64) int64 { return max(stored, 0)*8/7 + 2*cowBytes }

// fitting is what inPages turns into so much space.
func fitting(space int64) int64 { return max(space-2*cowBytes, 0) * 7 / 8 }

// hold sees to it that the file has room for the next commit and, beside it, for
// what telemetry leaves to the other classes. When the disk does not give it, what
// may be stored is bounded by what the file has: see limit. Called with io held.
func (s *Store) hold() error {
	s.measure()
	d := s.disk
	if d == nil {
		return nil
	}
	if err := d.look(); err != nil {
		return err
	}
	s.mu.Lock()
	keep, free := inPages(s.o.Reserve-s.urgentBytes()), s.free
	least := inPages(2 * s.o.Reserve)
	want := keep + max(min(int64(s.dirtyLen), batchBytes, int64(s.o.MaxMemory/4))+cowBytes, fillLow)
	if s.cramped != "" {
		want += growStep / 2 // what comes and goes with each commit is no relief
	}
	s.mu.Unlock()

	most := max(int64(d.db.MaxSize)-d.held, 0)
	var err error
	if short := want - d.room(); short > 0 {
		n := min(short+growStep, most)
		if free >= 0 { // a small file grows into the headroom, so that half of it is the reserve
			n = min(n, max(free-s.o.Headroom, least-d.held), free)
		}
		if n = n / filePage * filePage; n > 0 {
			if err = d.extend(d.held + n); errors.Is(err, errCommit) {
				return err
			}
			most = max(most-n, 0)
			free = max(free-n, -1)
		}
	}
	if free >= 0 {
		most = min(most, max(free-s.o.Headroom, 0))
	}
	if err != nil {
		most = 0
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFile = d.size()
	s.fileRoom = d.room()
	s.fits = s.onDiskBytes() + fitting(s.fileRoom+most)
	s.holdAt = s.now() + holdAgain
	switch {
	case s.fileRoom >= want:
		s.cramp("")
	case err != nil:
		s.cramp("queue file cannot grow: " + err.Error())
	case most == 0 && d.held >= int64(d.db.MaxSize):
		s.cramp("queue file is as large as it may be")
	default:
		s.cramp("disk is full, down to its headroom")
	}
	return nil
}

// cramp notes why the file has less room than it should, or that it has it again.
func (s *Store) cramp(why string) {
	switch {
	case why == "" && s.cramped != "":
		s.tight = 0
		s.o.Log.Info("queue file has room again", "dir", s.o.Dir)
	case why != "" && s.cramped == "":
		s.o.Log.Warn("queue file has no room to grow, telemetry makes room for itself", "dir", s.o.Dir, "free", s.free, "headroom", s.o.Headroom, "reason", why)
	}
	s.cramped = why
}

// regain asks for room while the disk is full, though there may be nothing to commit.
func (s *Store) regain() {
	s.mu.Lock()
	due := s.regainDue() && s.holdAt <= s.now()
	s.mu.Unlock()
	if !due {
		return
	}
	s.io <- struct{}{}
	defer func() { <-s.io }()
	if err := s.hold(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.troubled(err)
	}
}

func (s *Store) regainDue() bool { return s.open && s.cramped != "" }
