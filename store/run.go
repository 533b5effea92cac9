package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fieldpost/internal/keep"
)

var errNotOpen = errors.New("queue is not open")

// Run takes the identity, opens the file in the background and commits what is
// appended until ctx ends; then it commits everything and closes the file. The
// file that cannot be opened is set aside or tried again; meanwhile records are
// in memory. Run returns early only when another process holds the file, and nil
// when the last commit went well.
func (s *Store) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("run queue: it runs already, or has run")
	}
	defer close(s.closed)
	defer s.pulse.Rest(time.Time{})
	s.pulse.Beat()
	if s.o.Dir == "" {
		s.end()
		return errors.New("run queue: no folder given")
	}
	made := keep.Folder(s.o.Dir)
	path, err := locate(s.path())
	if path == s.path() {
		s.chown = keep.Hint(s.o.Dir)
	} else {
		s.chown = keep.Hint(s.o.Dir, path)
	}
	if made != nil {
		s.mu.Lock()
		s.note(made)
		s.mu.Unlock()
	}
	var held *os.File
	if err == nil {
		held, err = lockFile(path, 0)
	}
	if errors.Is(err, ErrLocked) {
		s.end()
		return fmt.Errorf("open queue %s: %w", s.path(), err)
	}
	id, note := nextIdentity(s.o.Dir, !s.o.NoSync)
	hint := keep.HintAbout(note, s.chown)
	reason := ""
	if note != nil {
		reason = note.Error()
		s.o.Log.Warn("message ids start anew", hinted(hint, "dir", s.o.Dir, "reason", reason)...)
	}
	s.mu.Lock()
	s.ident, s.identNote, s.identHint = id, reason, hint
	s.mu.Unlock()
	close(s.ready)
	if err := s.commitLoop(ctx, held); err != nil {
		s.end()
		return err
	}
	return s.finish()
}

func (s *Store) path() string { return filepath.Join(s.o.Dir, "queue.db") }

// end refuses whatever is still asked.
func (s *Store) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.open = true, false
	s.opening = "closed"
	s.answer(ErrClosed)
	s.wake()
}

// finish makes the last commit, with the mark of a clean stop, and closes the file.
func (s *Store) finish() error {
	s.mu.Lock()
	s.ended = true
	s.lapse(Debug)
	s.wake()
	s.mu.Unlock()
	err := s.lastCommit()
	s.io <- struct{}{}
	if s.disk != nil {
		err = errors.Join(err, s.disk.close())
		s.disk = nil
	}
	<-s.io
	s.mu.Lock()
	if s.limbo != nil {
		s.undone(s.limbo, errors.New(s.lastError))
		s.limbo = nil
	}
	lapsed := 0
	for c := range s.q {
		lapsed += s.lapse(Class(c))
	}
	if lapsed > 0 {
		s.o.Log.Error("records that were in memory only are lost with this stop", "count", lapsed, "reason", s.lastError)
	}
	s.mu.Unlock()
	s.end()
	if err != nil {
		return fmt.Errorf("close queue %s: %w", s.path(), err)
	}
	return nil
}

// lastCommit commits everything, to a fresh file when the one in use is damaged.
func (s *Store) lastCommit() (err error) {
	for range 2 {
		s.mu.Lock()
		replace := s.disk == nil && s.aside != nil
		s.mu.Unlock()
		if replace {
			ctx, giveUp := context.WithTimeout(context.Background(), openGrace)
			err = s.adopt(s.openFile(ctx, nil))
			giveUp()
		}
		if err != nil || s.disk == nil {
			return err
		}
		if err = s.commitAll(true); err == nil {
			return nil
		}
	}
	return err
}

// lapse loses what is queued in memory only, which ends with the process, and
// returns how many records that were.
func (s *Store) lapse(c Class) int {
	n := 0
	for k, e := range s.known {
		if k.class == c && e.state <= leased {
			s.evict(e, LostStopped)
			n++
		}
	}
	return n
}

// commitLoop waits until something is due and commits it, until ctx ends.
func (s *Store) commitLoop(ctx context.Context, held *os.File) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var attempt chan opened
	patient, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	for {
		if s.disk == nil && attempt == nil && s.mayOpen() {
			attempt = make(chan opened, 1)
			go func(held *os.File, out chan<- opened) { out <- s.openFile(patient, held) }(held, attempt)
			held = nil
		}
		s.pulse.Rest(s.nextLook())
		select {
		case <-ctx.Done():
			s.pulse.Beat()
			if attempt == nil {
				return nil
			}
			defer time.AfterFunc(openGrace, giveUp).Stop()
			return s.adopt(<-attempt)
		case <-s.kick:
		case <-timer.C:
		case o := <-attempt:
			attempt = nil
			s.pulse.Beat()
			if err := s.adopt(o); err != nil {
				return err
			}
		}
		s.pulse.Beat()
		s.commitDue()
		s.shrinkFile()
		s.regain()
		s.arm(timer, attempt != nil)
	}
}

// arm sets the timer for the next time the committer has to look.
func (s *Store) arm(timer *time.Timer, opening bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.due()
	if t, shrink := s.shrinkDue(); shrink && (!ok || t < at) {
		at, ok = t, true
	}
	if s.regainDue() && (!ok || s.holdAt < at) {
		at, ok = s.holdAt, true
	}
	if s.disk == nil {
		at, ok = s.retryAt, !opening
	}
	s.armed = -1
	if ok {
		s.armed = max(at, 0)
		timer.Reset(max(at-s.now(), 0))
	}
}

// nextLook is when the timer that arm has set ends; zero when it is not set.
func (s *Store) nextLook() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed < 0 {
		return time.Time{}
	}
	return s.start.Add(s.armed)
}

// Late returns for how long the committer should have come round, 0 while it is in
// time. It never waits for the disk, nor for a lock of the store. While the file is
// being opened, which a large and damaged one makes long, nobody waits for it.
func (s *Store) Late() time.Duration { return s.pulse.Late() }

// commitDue commits until nothing is due.
func (s *Store) commitDue() {
	for s.disk != nil {
		s.mu.Lock()
		doubt := s.doubt
		s.doubt = nil
		at, ok := s.due()
		if ok = ok && at <= s.now(); !ok && doubt == nil {
			s.mu.Unlock()
			return
		}
		if doubt != nil {
			s.mu.Unlock()
			s.io <- struct{}{}
			s.mu.Lock()
			s.troubled(doubt)
			s.mu.Unlock()
			<-s.io
			continue
		}
		waiting := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		err := s.commitAll(false)
		s.mu.Lock()
		if err != nil && s.disk == nil && s.aside != nil {
			s.waiting, waiting = append(waiting, s.waiting...), nil // for the fresh file
		}
		s.mu.Unlock()
		for _, w := range waiting {
			w <- err
		}
	}
}

func (s *Store) mayOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now() >= s.retryAt
}

// openGrace is how long opening may go on when Run is to end: what was appended
// meanwhile is in memory only.
const openGrace = 3 * time.Second
