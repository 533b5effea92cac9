package main

import (
	"fmt"
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
		return nil, &hinted{fmt.Errorf("a hub serves %s now", dir), "end that hub serve first: it reads its registry only when it starts"}
	case err != nil:
		return nil, configf("lock hub directory %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
