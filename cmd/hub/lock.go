package main

import (
	"os"
	"path/filepath"

	"fieldpost/hub"
)

// lockDir makes this process the only one that works on a hub's files, until
// the returned function is called or the process ends.
func lockDir(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &hub.DirError{Path: dir, Err: err}
	}
	f, held, err := lockFile(filepath.Join(dir, "lock"))
	switch {
	case held:
		return nil, &dirInUse{dir}
	case err != nil:
		return nil, &hub.DirError{Path: dir, Err: err}
	}
	return func() { f.Close() }, nil
}

// dirInUse is a directory that another process works on.
type dirInUse struct{ dir string }

func (e *dirInUse) Error() string { return "a hub serves " + e.dir + " now" }
