//go:build !linux

package store

import "os"

// allocate makes f end at off+n at least, and has its space given by writing to it.
func allocate(f *os.File, off, n int64) error { return writeZeroes(f, off, n) }
