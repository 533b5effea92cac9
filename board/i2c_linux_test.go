package board

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// fakeI2C is a handle whose kernel is fn: it is given what was written and fills
// what is to be read.
func fakeI2C(t *testing.T, fn func(addr uint16, w, r []byte) error) *hostI2C {
	t.Helper()
	return &hostI2C{
		device: "/dev/i2c-1", sysfs: t.TempDir(), number: 1, fd: 1000,
		ioctl: func(fd int, request uint, arg unsafe.Pointer) error {
			if fd != 1000 || request != i2cRdwr {
				t.Errorf("ioctl %#x of %d", request, fd)
			}
			d := (*rdwrData)(arg)
			var addr uint16
			var w, r []byte
			for i, m := range unsafe.Slice(d.msgs, d.nmsgs) {
				addr = m.addr
				switch data := unsafe.Slice(m.buf, m.length); m.flags {
				case i2cRead:
					r = data
				default:
					w = data
					if i > 0 {
						t.Error("written after it was read")
					}
				}
			}
			return fn(addr, w, r)
		},
	}
}

func TestTransfer(t *testing.T) {
	b := fakeI2C(t, func(addr uint16, w, r []byte) error {
		if addr != 0x76 {
			t.Errorf("address %#x", addr)
		}
		for i := range r {
			r[i] = byte(len(w) + i)
		}
		if len(r) == 0 && !bytes.Equal(w, []byte{1, 2, 3}) {
			t.Errorf("wrote %x", w)
		}
		return nil
	})
	r := make([]byte, 3)
	if err := b.Tx(0x76, []byte{0xD0}, r); err != nil || !bytes.Equal(r, []byte{1, 2, 3}) {
		t.Errorf("write and read: %x, %v", r, err)
	}
	if err := b.Tx(0x76, nil, r[:1]); err != nil || r[0] != 0 {
		t.Errorf("read: %x, %v", r, err)
	}
	if err := b.Tx(0x76, []byte{1, 2, 3}, nil); err != nil {
		t.Errorf("write: %v", err)
	}
	for _, err := range []error{b.Tx(0x80, []byte{1}, nil), b.Tx(0x76, make([]byte, 9000), nil)} {
		if err == nil {
			t.Error("a transfer that cannot be was done")
		}
	}
	if err := b.Tx(0x76, nil, nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// The errno stays in the chain, under its kind.
func TestTransferFails(t *testing.T) {
	for errno, kind := range map[syscall.Errno]error{
		syscall.EREMOTEIO: ErrNoAck, syscall.ENXIO: ErrNoAck, syscall.ETIMEDOUT: ErrBusTimeout, syscall.EIO: ErrIO,
	} {
		b := fakeI2C(t, func(uint16, []byte, []byte) error { return errno })
		err := b.Tx(0x76, []byte{1}, nil)
		if !errors.Is(err, errno) || !errors.Is(err, kind) || !strings.Contains(err.Error(), "/dev/i2c-1 address 0x76") {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

func TestTransferAfterClose(t *testing.T) {
	b := fakeI2C(t, func(uint16, []byte, []byte) error { return nil })
	b.fd = -1
	for _, err := range []error{b.Tx(0x76, []byte{1}, nil), b.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

// A part that a kernel driver has is left alone.
func TestPartOfAKernelDriver(t *testing.T) {
	calls := 0
	b := fakeI2C(t, func(uint16, []byte, []byte) error { calls++; return nil })
	for _, dir := range []string{"1-0076", "1-0040"} {
		if err := os.Mkdir(filepath.Join(b.sysfs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../../../bus/i2c/drivers/bmp280", filepath.Join(b.sysfs, "1-0076", "driver")); err != nil {
		t.Fatal(err)
	}
	err := b.Tx(0x76, []byte{0xD0}, make([]byte, 1))
	var bound *BoundError
	var e *Error
	if !errors.As(err, &bound) || bound.Driver != "bmp280" || bound.Device != "1-0076" || !errors.Is(err, ErrInUse) || calls != 0 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "source = \"iio\"") || !strings.Contains(e.Hint(), "/sys/bus/i2c/drivers/bmp280/unbind") {
		t.Errorf("hint %q", e.Hint())
	}
	if err := errors.Join(b.Tx(0x77, []byte{1}, nil), b.Tx(0x40, []byte{1}, nil)); err != nil || calls != 2 {
		t.Errorf("the others: %v, %d calls", err, calls)
	}
}

// A kernel driver may take a part that was read before, and leave it again.
func TestPartChangesHands(t *testing.T) {
	b := fakeI2C(t, func(uint16, []byte, []byte) error { return nil })
	driver := filepath.Join(b.sysfs, "1-0076", "driver")
	if err := os.Mkdir(filepath.Dir(driver), 0o755); err != nil {
		t.Fatal(err)
	}
	read := func() error { return b.Tx(0x76, []byte{0xD0}, make([]byte, 1)) }
	if err := read(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../bus/i2c/drivers/bmp280", driver); err != nil {
		t.Fatal(err)
	}
	if err := read(); !errors.Is(err, ErrInUse) {
		t.Errorf("taken by the kernel: %v", err)
	}
	if err := os.Remove(driver); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Errorf("left by the kernel: %v", err)
	}
}

// What is no bus at all is an error and not a handle.
func TestOpenSomethingElse(t *testing.T) {
	if b, err := openI2C("/dev/null", t.TempDir(), 1); err == nil {
		t.Errorf("opened %v", b)
	}
}
