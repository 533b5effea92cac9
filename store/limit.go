package store

import (
	"errors"
	"time"

	berrors "go.etcd.io/bbolt/errors"
)

// limit is how many bytes may lie on disk, by the options or by what the disk was
// found to hold.
func (s *Store) limit() int64 {
	if s.tight > 0 && s.now() < s.tightEnd {
		return s.tight
	}
	s.tight = 0
	limit := s.o.MaxBytes
	if s.fits > 0 {
		limit = min(limit, s.fits)
	}
	return limit
}

// refuses says that a class whose overflow is Refuse has no room for need bytes.
func (s *Store) refuses(c Class, need int) bool {
	if s.o.Overflow[c] != Refuse || c == Debug {
		return false
	}
	limit, stored := s.limit(), s.urgentBytes() // telemetry makes room for these
	if c == Telemetry {
		limit -= s.o.Reserve
		stored = s.onDiskBytes() + int64(s.dirtyLen)
	}
	if stored+int64(need) <= limit {
		return false
	}
	for _, b := range s.emptied { // the next commit deletes them first
		if c == Telemetry || b.class < Telemetry {
			stored -= int64(b.stored)
		}
	}
	return stored+int64(need) > limit
}

// autoBytes is the limit when none was asked for: a quarter of what is free.
const autoBytes = 64 << 20

func autoMax(free int64) int64 { return min(autoBytes, max(free/4, 1<<20)) }

// measure looks how much is free.
func (s *Store) measure() {
	free, ok := FreeBytes(s.o.Dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free = -1; ok {
		s.free = free
		if s.auto {
			s.o.MaxBytes = autoMax(free + s.inFile)
			s.auto = false
		}
	}
	if s.o.Reserve <= 0 {
		s.o.Reserve = min(1<<20, s.o.MaxBytes/8)
	}
}

// tighten lowers the limit after the file could not grow: at once when that was to
// be expected, as free pages do not always lie together; when the disk refuses
// out of the blue, not before memory is half full too.
func (s *Store) tighten(err error) {
	own := errors.Is(err, berrors.ErrMaxSizeReached) || s.cramped != ""
	if !own && s.memBytes < s.o.MaxMemory/2 {
		return
	}
	s.tight = min(s.limit(), s.onDiskBytes()) * 7 / 8
	s.tightEnd = s.now() + tightFor
	if own && s.retries < ownRetries {
		s.retryAt = 0
	}
}

// trims says that records must be evicted in a commit of their own before size
// bytes are put: pages that a transaction frees are for the next one only, and the
// file cannot grow.
func (s *Store) trims(size int) bool {
	if s.trimmed {
		return false
	}
	return s.tight > 0 && s.onDiskBytes()+int64(size) > s.tight || s.cramped != "" && int64(size)+cowBytes > s.fileRoom
}

func (s *Store) onDiskBytes() int64 {
	total := s.dead.disk.Bytes
	for c := range s.q {
		total += s.q[c].disk.Bytes
	}
	return total
}

func (s *Store) urgentBytes() int64 { return s.onDiskBytes() - s.q[Telemetry].disk.Bytes }

// ownRetries is how often the limit is lowered without a pause.
const ownRetries = 20

// holdAgain is how often a full disk is looked at when nothing is committed.
const holdAgain = 10 * time.Second

// tightFor is how long a lowered limit holds before the file may try to grow again.
const tightFor = 10 * time.Minute
