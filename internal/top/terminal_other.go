//go:build !linux

package top

import (
	"context"
	"errors"
	"os"
)

// Is reports whether f is a terminal that a live view can be shown on: on Linux
// only.
func Is(*os.File) bool { return false }

// Columns is not known on this platform.
func Columns(*os.File) int { return 0 }

// On is for Linux only.
func On(context.Context, *os.File, *os.File, func(context.Context, Screen) error) error {
	return errors.ErrUnsupported
}
