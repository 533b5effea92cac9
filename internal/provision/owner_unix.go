//go:build unix

package provision

import (
	"os"
	"syscall"
)

// give makes paths belong to the owner and the group of a folder.
func give(paths []string, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() && int(owner.Gid) == os.Getegid() {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(owner.Uid), int(owner.Gid)); err != nil {
			return &Error{err, "provision as root, or as the owner of " + like}
		}
	}
	return nil
}
