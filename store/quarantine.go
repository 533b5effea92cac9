package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"fieldpost/internal/keep"
)

const (
	quarantineMax   = 3         // damaged files kept
	quarantineBytes = 128 << 20 // of them together; the last one is kept whatever its size
)

// asides returns the numbers of the folders corrupt-<n>, in order.
func asides(dir string) ([]int, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var have []int
	for _, e := range names {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "corrupt-")); err == nil && strings.HasPrefix(e.Name(), "corrupt-") {
			have = append(have, n)
		}
	}
	sort.Slice(have, func(i, j int) bool { return have[i] < have[j] })
	return have, nil
}

func asideDir(dir string, n int) string { return filepath.Join(dir, "corrupt-"+strconv.Itoa(n)) }

// quarantine gives the file a second name in corrupt-<n>/ beside it, so that the
// fresh one takes its first in one step, or moves it there where that cannot be
// done. A link is moved, not what it leads to.
func quarantine(path string) error {
	dir := filepath.Dir(path)
	have, err := asides(dir)
	if err != nil {
		return err
	}
	n := 1
	if len(have) > 0 {
		n = have[len(have)-1] + 1
	}
	if err := keep.Folder(asideDir(dir, n)); err != nil {
		return err
	}
	to := filepath.Join(asideDir(dir, n), "queue.db")
	if os.Link(path, to) != nil {
		if err := os.Rename(path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return tidyAsides(dir, append(have, n))
}

// tidyAsides removes the oldest of the files set aside that are too many or too large.
func tidyAsides(dir string, have []int) error {
	var sum int64
	var errs []error
	for i, n := range slices.Backward(have) {
		kept := len(have) - i
		if info, err := os.Lstat(filepath.Join(asideDir(dir, n), "queue.db")); err == nil {
			sum += info.Size()
		}
		if kept > 1 && (kept > quarantineMax || sum > quarantineBytes) {
			errs = append(errs, os.RemoveAll(asideDir(dir, n)))
		}
	}
	return errors.Join(errs...)
}
