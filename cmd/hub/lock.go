package main

import (
	"os"
	"path/filepath"
)

// lockDir makes this process the only one that works on a hub's files, until
// the returned function is called or the process ends.
func lockDir(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, configf("hub directory: %w", err)
	}
	f, held, err := lockFile(filepath.Join(dir, "lock"))
	switch {
	case held:
		return nil, &dirInUse{dir}
	case err != nil:
		return nil, configf("lock hub directory %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// dirInUse is a directory that another process works on.
type dirInUse struct{ dir string }

func (e *dirInUse) Error() string { return "a hub serves " + e.dir + " now" }
