package store

import (
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// unload gives back the pages of the file that are mapped into memory: of one
// without a freelist bbolt has walked every page. What is needed again, or is being
// read, comes back from the kernel's cache.
func (d *disk) unload(tx *bolt.Tx) {
	if at, n := d.inUse(tx); n > 0 {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, at, n, unix.MADV_DONTNEED)
	}
}

// inUse is where the pages in use are mapped. The file may be longer than the
// mapping, and what lies behind that in memory is not ours; tx keeps it in its place.
func (d *disk) inUse(tx *bolt.Tx) (at, n uintptr) {
	return d.db.Info().Data, uintptr(tx.Size())
}
