//go:build !linux

package clock

import "time"

func bootID() (id [16]byte, ok bool) { return id, false }

func bootTime() (time.Duration, bool) { return 0, false }

func disciplined() bool { return false }
