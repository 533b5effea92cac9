//go:build !linux

package diag

import "errors"

func credentials(uintptr) (Peer, error) {
	return Peer{}, errors.New("not supported on this platform")
}
