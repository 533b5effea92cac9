package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The file .opening says how often in a row the process ended while it opened the
// queue. What kills it every time must be in the file.
const sentinelMax = 2

func (s *Store) sentinel() string { return filepath.Join(s.o.Dir, ".opening") }

// enterOpening counts this attempt and returns an error when the last ones ended
// the process. A sentinel that cannot be kept stops nobody.
func (s *Store) enterOpening() error {
	b, _ := os.ReadFile(s.sentinel())
	died, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	if died < 0 || died > sentinelMax {
		died = sentinelMax
	}
	if err := os.WriteFile(s.sentinel(), []byte(strconv.Itoa(died+1)+"\n"), 0o600); err != nil {
		return nil
	}
	if died >= sentinelMax {
		return damaged("the last %d attempts to open it ended the process", died)
	}
	return nil
}

func (s *Store) leaveOpening() {
	if err := os.Remove(s.sentinel()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Warn("the mark of an attempt to open the queue stays", "file", s.sentinel(), "err", err)
	}
}
