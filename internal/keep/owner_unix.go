//go:build unix

package keep

import (
	"os"
	"syscall"
)

// other returns whom a folder belongs to, when that is not this process.
func other(dir string) (uid, gid int, ok bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() && int(owner.Gid) == os.Getegid() {
		return 0, 0, false
	}
	return int(owner.Uid), int(owner.Gid), true
}
