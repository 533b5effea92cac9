package store

import "golang.org/x/sys/unix"

// unload gives back the pages of the file that are mapped into memory: of one
// without a freelist bbolt has walked every page. What is needed again, or is being
// read, comes back from the kernel's cache.
func (d *disk) unload() {
	if info := d.db.Info(); info != nil && info.Data != 0 {
		size := d.size()
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, info.Data, uintptr(size), unix.MADV_DONTNEED)
	}
}
