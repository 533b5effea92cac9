package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const i2cPrefix = "/dev/i2c-"

// Of <linux/i2c-dev.h> and <linux/i2c.h>.
const (
	i2cRetries = 0x0701
	i2cTimeout = 0x0702 // in units of 10 ms
	i2cFuncs   = 0x0705
	i2cRdwr    = 0x0707

	i2cFuncI2C = 0x1
	i2cRead    = 0x1

	// transferTimeout is how long the kernel waits for one transfer. Parts that
	// stretch the clock do so for some milliseconds.
	transferTimeout = 200 * time.Millisecond
)

// i2cMsg is struct i2c_msg, rdwrData struct i2c_rdwr_ioctl_data.
type i2cMsg struct {
	addr, flags, length uint16
	buf                 *byte
}

type rdwrData struct {
	msgs  *i2cMsg
	nmsgs uint32
}

// I2C implements Buses.
func (h *HostBoard) I2C(device string) (i2c.BusCloser, error) {
	number, err := busNumber(device)
	if err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: err}
	}
	b, err := openI2C(device, "/sys/bus/i2c/devices", number)
	if err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: kindOf(err)}
	}
	return b, nil
}

// busNumber reads the number of "/dev/i2c-1".
func busNumber(device string) (int, error) {
	digits, ok := strings.CutPrefix(device, i2cPrefix)
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("not of the form %s<number>", i2cPrefix)
	}
	return int(n), nil
}

// hostI2C is a handle on a bus of the kernel.
type hostI2C struct {
	device string
	sysfs  string // folder of the parts that kernel drivers know
	number int

	mu    sync.Mutex
	fd    int // -1 after Close
	ioctl func(fd int, request uint, arg unsafe.Pointer) error
}

func openI2C(device, sysfs string, number int) (*hostI2C, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	b := &hostI2C{device: device, sysfs: sysfs, number: number, fd: fd, ioctl: ioctl}
	var funcs uintptr
	if err := b.ioctl(fd, i2cFuncs, unsafe.Pointer(&funcs)); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if funcs&i2cFuncI2C == 0 {
		return nil, errors.Join(unix.EOPNOTSUPP, unix.Close(fd))
	}
	// An adapter that cannot be told keeps the time of its driver.
	_ = unix.IoctlSetInt(fd, i2cTimeout, int(transferTimeout/(10*time.Millisecond)))
	_ = unix.IoctlSetInt(fd, i2cRetries, 1)
	return b, nil
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func (b *hostI2C) String() string { return b.device }

// Tx implements i2c.Bus: w is written and r is read in one transfer, with a
// repeated start between them.
func (b *hostI2C) Tx(addr uint16, w, r []byte) error {
	if err := b.tx(addr, w, r); err != nil {
		return &Error{Op: "transfer", Thing: fmt.Sprintf("%s address %#02x", b.device, addr), Err: kindOf(err)}
	}
	return nil
}

func (b *hostI2C) tx(addr uint16, w, r []byte) error {
	const most = 8192 // of the kernel, for one message
	switch {
	case addr > 0x7F:
		return errors.New("not an address of 7 bits")
	case len(w) > most || len(r) > most:
		return fmt.Errorf("more than %d bytes in one message", most)
	case len(w)+len(r) == 0:
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd < 0 {
		return ErrClosed
	}
	if err := b.bound(addr); err != nil {
		return err
	}
	var msgs [2]i2cMsg
	n := 0
	if len(w) > 0 {
		msgs[n] = i2cMsg{addr: addr, length: uint16(len(w)), buf: &w[0]}
		n++
	}
	if len(r) > 0 {
		msgs[n] = i2cMsg{addr: addr, flags: i2cRead, length: uint16(len(r)), buf: &r[0]}
		n++
	}
	// The kernel is handed pointers within structures: what they point to must
	// not be on a stack that moves.
	var pin runtime.Pinner
	defer pin.Unpin()
	for i := range n {
		pin.Pin(msgs[i].buf)
	}
	pin.Pin(&msgs[0])
	return b.ioctl(b.fd, i2cRdwr, unsafe.Pointer(&rdwrData{&msgs[0], uint32(n)}))
}

// bound returns an error when a kernel driver has the part. The kernel lets both
// of them at it, and each would upset the other's settings. A driver may take a part
// at any time; looking costs little beside a transfer.
func (b *hostI2C) bound(addr uint16) error {
	dir := filepath.Join(b.sysfs, fmt.Sprintf("%d-%04x", b.number, addr))
	driver, err := os.Readlink(filepath.Join(dir, "driver"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a kernel driver: %w", err)
	}
	return &BoundError{Driver: filepath.Base(driver), Device: filepath.Base(dir)}
}

// SetSpeed implements i2c.Bus. The kernel sets the speed of a bus, from the
// device tree.
func (b *hostI2C) SetSpeed(f physic.Frequency) error {
	return &Error{Op: "set speed of", Thing: b.device, Err: errors.ErrUnsupported}
}

// Close implements i2c.BusCloser.
func (b *hostI2C) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := ErrClosed
	if b.fd >= 0 {
		err = unix.Close(b.fd)
		b.fd = -1
	}
	if err != nil {
		return &Error{Op: "close", Thing: b.device, Err: kindOf(err)}
	}
	return nil
}
