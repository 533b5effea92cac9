package main

import (
	"os"
	"path/filepath"
	"time"
)

const (
	// writeBack is how long the kernel leaves a dirty block of the file system's
	// tables in memory: vm.dirty_expire_centisecs.
	writeBack = 30 * time.Second
	// coarse is longer than the step of the clock that times of files are taken
	// from: two commits within one step would share one change of the inode.
	coarse = 12 * time.Millisecond
)

// lull stands in for the pause between two commits. ext4 commits its journal every
// 5 s, so that what a commit changed in the inode reaches the device before the
// next one; its tables are written back every 30 s.
type lull struct {
	dev   device
	dir   string // of the files written
	every time.Duration
	since time.Duration // last write-back
	syncs int64         // calls of fsync made here
}

func (l *lull) tick() { time.Sleep(coarse) }

// pass writes what the kernel would write in the pause.
func (l *lull) pass() error {
	files, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		if err := l.sync(filepath.Join(l.dir, f.Name())); err != nil {
			return err
		}
	}
	if l.since += l.every; l.since < writeBack {
		return nil
	}
	l.since = 0
	return l.dev.sync()
}

func (l *lull) sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	l.syncs++
	return f.Sync()
}
