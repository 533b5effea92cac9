package board

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestHints(t *testing.T) {
	for _, c := range []struct {
		thing string
		err   error
		want  string
	}{
		{"/dev/i2c-1", fs.ErrNotExist, "dtparam=i2c_arm=on"},
		{"/dev/i2c-1", fs.ErrPermission, "group i2c"},
		{"/dev/i2c-1", errors.ErrUnsupported, "SMBus"},
		{"/dev/i2c-1 address 0x76", fmt.Errorf("%w: remote I/O error", ErrNoAck), "wiring"},
		{"/dev/i2c-1 address 0x76", ErrBusTimeout, "short circuit"},
		{"/dev/i2c-1 address 0x76", ErrIO, "unplugged"},
		{"line GPIO17", fs.ErrNotExist, "gpioinfo"},
		{"line GPIO17", fs.ErrPermission, "group gpio"},
		{"line GPIO17", ErrInUse, "holds the line"},
	} {
		e := &Error{Op: "open", Thing: c.thing, Err: c.err}
		if h := e.Hint(); !strings.Contains(h, c.want) {
			t.Errorf("%v: hint %q lacks %q", e, h, c.want)
		}
	}
	if h := (&Error{Err: errors.New("else")}).Hint(); h != "" {
		t.Errorf("hint %q for an unknown cause", h)
	}
}

func TestGone(t *testing.T) {
	for err, want := range map[error]bool{ErrIO: true, ErrNoAck: false, ErrBusTimeout: false} {
		if e := (&Error{Err: fmt.Errorf("%w: of the kernel", err)}); e.Gone() != want {
			t.Errorf("%v is gone: %v", e, !want)
		}
	}
}
