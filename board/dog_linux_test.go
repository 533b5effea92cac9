package board

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeDog answers the orders of a watchdog device.
type fakeDog struct {
	timeout  int32
	set, get error
	feed     error
	fed      int
}

func (f *fakeDog) ioctl(_ int, request uint, arg unsafe.Pointer) error {
	v := (*int32)(arg)
	switch request {
	case unix.WDIOC_SETTIMEOUT:
		if f.set == nil {
			f.timeout = *v
		}
		return f.set
	case unix.WDIOC_GETTIMEOUT:
		*v = f.timeout
		return f.get
	case unix.WDIOC_KEEPALIVE:
		if f.feed == nil {
			f.fed++
		}
		return f.feed
	}
	return unix.ENOTTY
}

func deviceFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDog(t *testing.T) {
	device, f := deviceFile(t), &fakeDog{timeout: 60}
	d, err := openDog(device, 9500*time.Millisecond, f.ioctl)
	if err != nil || d.Timeout() != 10*time.Second || d.Fault() != nil {
		t.Fatalf("%v, timeout %v, fault %v", err, d.Timeout(), d.Fault())
	}
	if err := d.Feed(); err != nil || f.fed != 1 {
		t.Errorf("feed: %v, %d", err, f.fed)
	}
	f.feed = unix.EIO
	if err := d.Feed(); !errors.Is(err, ErrIO) {
		t.Errorf("feed a broken one: %v", err)
	}
	if b, _ := os.ReadFile(device); len(b) != 0 {
		t.Errorf("written before the stop: %q", b)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(device); string(b) != "V" {
		t.Errorf("stopped with %q, without a V it goes on", b)
	}
}

func TestDogThatIsNotAsAsked(t *testing.T) {
	d, err := openDog(deviceFile(t), time.Hour, (&fakeDog{timeout: 15, set: unix.EINVAL}).ioctl)
	if err != nil || d.Timeout() != 15*time.Second || d.Fault() == nil || !strings.Contains(d.Fault().Error(), "it waits for 15s") {
		t.Errorf("a timeout that cannot be: %v, %v, %v", err, d.Timeout(), d.Fault())
	}
	d, err = openDog(deviceFile(t), time.Minute, (&fakeDog{set: unix.EOPNOTSUPP, get: unix.EOPNOTSUPP}).ioctl)
	if err != nil || d.Timeout() != dogAssumed*time.Second || d.Fault() == nil {
		t.Errorf("one that tells nothing: %v, %v, %v", err, d.Timeout(), d.Fault())
	}
}

func TestDogThatIsNone(t *testing.T) {
	device := deviceFile(t)
	if _, err := Host().Watchdog(device, time.Minute); err == nil || !strings.Contains(err.Error(), "not a watchdog") {
		t.Errorf("a plain file: %v", err)
	}
	var e *Error
	_, err := Host().Watchdog(device+"-gone", time.Minute)
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(e.Hint(), "dtparam=watchdog=on") {
		t.Errorf("a missing one: %v, hint %q", err, e.Hint())
	}
	e = &Error{Op: "open", Thing: "watchdog /dev/watchdog", Err: kindOf(unix.EBUSY)}
	if !strings.Contains(e.Hint(), "RuntimeWatchdogSec") {
		t.Errorf("a busy one: hint %q", e.Hint())
	}
}
