//go:build linux && proof

package crash

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// The calls of the device mapper, from linux/dm-ioctl.h.
const (
	dmCreate  = 3
	dmRemove  = 4
	dmSuspend = 6 // also resumes
	dmLoad    = 9
	dmMessage = 14

	dmSuspendFlag    = 1 << 1
	dmSkipLockfsFlag = 1 << 10 // do not freeze the file system first

	dmHeader = 312 // struct dm_ioctl
	dmSpec   = 40  // struct dm_target_spec
)

// dm makes one call of the device mapper on the device of that name, and returns
// the device's number.
func dm(call int, name string, flags uint32, targets uint32, payload []byte) (dev uint64, err error) {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer control.Close()
	b := make([]byte, max(dmHeader+len(payload), 4096))
	le := binary.LittleEndian
	le.PutUint32(b[0:], 4) // version 4.0.0
	le.PutUint32(b[12:], uint32(len(b)))
	le.PutUint32(b[16:], dmHeader)
	le.PutUint32(b[20:], targets)
	le.PutUint32(b[28:], flags)
	copy(b[48:48+127], name)
	copy(b[dmHeader:], payload)
	request := uintptr(3)<<30 | dmHeader<<16 | 0xfd<<8 | uintptr(call)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), request, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		return 0, fmt.Errorf("device mapper, call %d on %s: %w", call, name, errno)
	}
	return le.Uint64(b[40:]), nil
}

// dmTable gives the device one target over all of it, in place of the one it has.
func dmTable(name string, sectors uint64, kind, params string) error {
	p := make([]byte, (dmSpec+len(params)+8)/8*8)
	binary.LittleEndian.PutUint64(p[8:], sectors)
	copy(p[24:39], kind)
	copy(p[dmSpec:], params)
	if _, err := dm(dmSuspend, name, dmSuspendFlag|dmSkipLockfsFlag, 0, nil); err != nil {
		return err
	}
	if _, err := dm(dmLoad, name, 0, 1, p); err != nil {
		return fmt.Errorf("%w: %s %s", err, kind, params)
	}
	_, err := dm(dmSuspend, name, 0, 0, nil)
	return err
}

// dmDevice makes a device and returns the path of its node.
func dmDevice(name string, sectors uint64, kind, params string) (node string, err error) {
	dev, err := dm(dmCreate, name, 0, 0, nil)
	if err != nil {
		return "", err
	}
	if err := dmTable(name, sectors, kind, params); err != nil {
		return "", errors.Join(err, dmGone(name))
	}
	return fmt.Sprintf("/dev/dm-%d", dev&0xff|dev>>12&^0xff), nil
}

func dmGone(name string) error {
	_, err := dm(dmRemove, name, 0, 0, nil)
	return err
}

// dmTell sends a message to the device's target.
func dmTell(name, text string) error {
	_, err := dm(dmMessage, name, 0, 0, append(make([]byte, 8), text+"\x00"...))
	return err
}
