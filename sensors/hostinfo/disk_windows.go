package hostinfo

import "golang.org/x/sys/windows"

// diskSpace returns the size of the volume of dir and what this user may still
// fill, in bytes.
func diskSpace(dir string) (total, free float64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var avail, size, unused uint64
	if err := windows.GetDiskFreeSpaceEx(name, &avail, &size, &unused); err != nil {
		return 0, 0, err
	}
	return float64(size), float64(avail), nil
}
