package store

import (
	"errors"
	"time"
)

const (
	// shrinkOver is how large an empty file may be: it is kept, because writing into
	// pages that the disk has given already costs half of growing.
	shrinkOver = 32 << 20
	// shrinkWait is how long the queue has been empty before its file is made anew.
	shrinkWait = 30 * time.Second
	// shrinkAgain is the pause after an attempt that failed.
	shrinkAgain = time.Hour
)

// errShrink is why a sound file is replaced: it is large and empty.
var errShrink = errors.New("large and empty")

// shrinkDue says when the file is to be made anew, if at all. Called with mu held.
func (s *Store) shrinkDue() (at time.Duration, ok bool) {
	empty := s.open && s.inFile > shrinkOver && s.dirtyLen == 0
	for c := range s.q {
		empty = empty && s.q[c].disk.Count == 0
	}
	if !empty {
		s.emptyAt = -1
		return 0, false
	}
	if s.emptyAt < 0 {
		s.emptyAt = s.now()
	}
	return max(s.emptyAt+shrinkWait, s.shrinkNot), true
}

// shrinkFile closes the file when it is to be made anew; the committer opens the
// next, which takes over what is left.
func (s *Store) shrinkFile() {
	s.io <- struct{}{}
	defer func() { <-s.io }()
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.shrinkDue()
	if !ok || at > s.now() || s.disk == nil || s.limbo != nil {
		return
	}
	s.o.Log.Info("queue file is made anew", "file", s.path(), "bytes", s.inFile)
	s.disk.abandon()
	s.disk, s.open, s.opening = nil, false, "shrinking"
	s.aside, s.retryAt, s.emptyAt, s.shrinkNot = errShrink, s.now(), -1, s.now()+shrinkAgain
}
