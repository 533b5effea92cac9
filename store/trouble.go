package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"
)

const (
	retryMin = time.Second
	retryMax = time.Minute
	// retryRights is the longest pause while only a right is missing: an attempt
	// writes nothing then, and who gives the right waits for what comes of it.
	retryRights = 10 * time.Second
)

// troubled decides what becomes of the file after err. Called with io and mu held.
func (s *Store) troubled(err error) {
	s.note(err)
	wait := min(retryMin<<min(s.retries, 10), retryMax)
	if errors.Is(err, fs.ErrPermission) {
		wait = min(wait, retryRights)
	}
	s.retryAt = s.now() + retryMin/10 + rand.N(wait)
	s.retries++
	if isFull(err) && s.disk != nil {
		s.tighten(err)
		return
	}
	s.open, s.failed = false, true
	s.opening = "reopening after: " + err.Error()
	if errors.Is(err, errDamaged) || errors.Is(err, errCommit) { // after a failed sync nothing that was read back is proof
		s.aside = err
	}
	if s.disk == nil {
		s.answer(err)
		return
	}
	s.disk.abandon()
	s.disk = nil
	if s.aside == nil || !s.mayReplace() {
		s.answer(err)
		return
	}
	s.failed = false // who waits goes on with the fresh file
	s.retryAt = s.now()
}

// replaceOften is how many files an hour are replaced at once; the next ones only
// after a pause, or a fault that comes back would wear out the disk.
const replaceOften = 3

// mayReplace says whether a damaged file is to be replaced without a pause.
func (s *Store) mayReplace() bool {
	if now := s.now(); s.renewed == 0 || now-s.renewedAt > time.Hour {
		s.renewed, s.renewedAt = 0, now
	}
	s.renewed++
	if s.renewed <= replaceOften {
		return true
	}
	s.retryAt = max(s.retryAt, s.now()+min(retryMin<<min(s.renewed, 10), retryMax))
	return false
}

// answer refuses those who wait for the disk.
func (s *Store) answer(err error) {
	for _, w := range s.waiting {
		w <- err
	}
	s.waiting = nil
	endOps(s.dead.ops, err)
	s.dead.ops = nil
	waiting := s.jr.waiting
	s.jr.waiting = nil
	for _, r := range waiting {
		s.endRequest(r, fmt.Errorf("%w: %w", ErrDiskFull, err))
	}
}

// recovered notes that a commit went well.
func (s *Store) recovered() {
	if s.lastError != "" {
		s.o.Log.Info("queue is on disk again", "dir", s.o.Dir)
		s.lastError, s.lastHint = "", ""
	}
	s.retries, s.retryAt = 0, 0
}

// waitOpen waits until the file is open, or opening it has failed.
func (s *Store) waitOpen(ctx context.Context) error {
	for {
		s.mu.Lock()
		ended, done, changed := s.ended, s.open || s.failed, s.change()
		s.mu.Unlock()
		switch {
		case ended:
			return ErrClosed
		case done:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusal is why nothing can be put on disk now.
func (s *Store) refusal() error {
	if s.ended {
		return ErrClosed
	}
	return fmt.Errorf("%w: %s", ErrDiskFull, s.opening)
}
