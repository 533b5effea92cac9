//go:build !linux && !darwin && !windows

package hostinfo

import "errors"

func diskSpace(string) (total, free float64, err error) {
	return 0, 0, errors.ErrUnsupported
}
