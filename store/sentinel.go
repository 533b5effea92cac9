package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The file .opening says how often in a row the process ended while it opened the
// queue: in this boot, in others, and which boot this is. What kills it every time
// must be in the file. A machine that went down meanwhile may have lost its power,
// so more of those are needed. After twice as many the file is not read any more.
const (
	sentinelMax   = 2
	sentinelBoots = 5
)

// errDeadly is why a file is set aside without salvage.
var errDeadly = damaged("opening it, and salvaging it, ended the process each time")

func (s *Store) sentinel() string { return filepath.Join(s.o.Dir, ".opening") }

// enterOpening counts this attempt and returns an error when the last ones ended
// the process. A sentinel that cannot be kept stops nobody.
func (s *Store) enterOpening() error {
	here, elsewhere, boot := 0, 0, ""
	now := s.o.Clock.Now().Boot
	this := hex.EncodeToString(now[:])
	b, _ := os.ReadFile(s.sentinel())
	_, _ = fmt.Sscan(string(b), &here, &elsewhere, &boot) // fewer words are no reason to stop
	if here < 0 || elsewhere < 0 {
		here, elsewhere = sentinelMax, 0
	}
	here, elsewhere = min(here, 2*sentinelMax), min(elsewhere, 2*sentinelBoots)
	if boot != "" && boot != this {
		here, elsewhere = 0, elsewhere+here
	}
	text := fmt.Sprintf("%d %d %s\n", here+1, elsewhere, this)
	if err := os.WriteFile(s.sentinel(), []byte(text), 0o600); err != nil {
		return nil
	}
	if here >= 2*sentinelMax || here+elsewhere >= 2*sentinelBoots {
		return errDeadly
	}
	if here >= sentinelMax || here+elsewhere >= sentinelBoots {
		return damaged("the last %d attempts to open it ended the process", here+elsewhere)
	}
	return nil
}

func (s *Store) leaveOpening() {
	if err := os.Remove(s.sentinel()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Warn("the mark of an attempt to open the queue stays", "file", s.sentinel(), "err", err)
	}
}
