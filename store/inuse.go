package store

import (
	"errors"
	"os"
	"path/filepath"
)

// InUse reports whether a process has the store in dir open, as far as this one
// may look. A store that is not there is in nobody's use.
func InUse(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "queue.db"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(tryLock(f), ErrLocked)
}
