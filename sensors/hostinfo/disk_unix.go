//go:build linux || darwin

package hostinfo

import "golang.org/x/sys/unix"

// diskSpace returns the size of the file system of dir and what an unprivileged
// user may still fill, in bytes.
func diskSpace(dir string) (total, free float64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	size := float64(st.Bsize)
	return float64(st.Blocks) * size, float64(st.Bavail) * size, nil
}
