//go:build !linux

package store

// FreeBytes is not known on this platform.
func FreeBytes(string) (int64, bool) { return 0, false }
