package store

import "golang.org/x/sys/unix"

// unload gives back what opening brought into memory: bbolt has walked every page
// of a file without a freelist. The kernel keeps the pages as it sees fit.
func (d *disk) unload() {
	if info := d.db.Info(); info != nil && info.Data != 0 {
		size := d.size()
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, info.Data, uintptr(size), unix.MADV_DONTNEED)
	}
}
