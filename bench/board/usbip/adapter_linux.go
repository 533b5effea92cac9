package usbip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"fieldpost/board/boardsim"
)

const (
	vhci      = "/sys/devices/platform/vhci_hcd.0"
	speedFull = 2
)

// Adapter is a USB adapter with an I²C bus.
type Adapter struct {
	port   int // of the virtual hub: 0 to 7
	device *device
	gate   gate
	ended  chan struct{} // of the stream; nil while unplugged
}

// New returns an adapter for a port of the kernel's virtual hub, not yet plugged in.
func New(port int, parts map[uint16]boardsim.Part) *Adapter {
	return &Adapter{port: port, device: &device{serial: "sim" + strconv.Itoa(port), parts: parts}}
}

// Plug plugs the adapter in. The kernel's driver takes a moment to find it; Bus
// tells when it has.
func (a *Adapter) Plug() error {
	if a.ended != nil {
		return errors.New("plugged in already")
	}
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "usbip"), os.NewFile(uintptr(ends[1]), "vhci")
	// The kernel holds the socket itself.
	defer theirs.Close()
	line := fmt.Sprintf("%d %d %d %d", a.port, theirs.Fd(), 1+a.port, speedFull)
	if err := os.WriteFile(vhci+"/attach", []byte(line), 0); err != nil {
		return errors.Join(fmt.Errorf("%w (is the module vhci_hcd loaded?)", err), ours.Close())
	}
	ended := make(chan struct{})
	a.ended = ended
	go func() {
		defer close(ended)
		defer ours.Close()
		s := &stream{device: a.device, conn: ours, gate: &a.gate}
		_ = s.serve() // ends when it is unplugged
	}()
	return nil
}

// Unplug pulls the adapter out.
func (a *Adapter) Unplug() error {
	if a.ended == nil {
		return errors.New("not plugged in")
	}
	a.gate.set(false)
	if err := os.WriteFile(vhci+"/detach", []byte(strconv.Itoa(a.port)), 0); err != nil {
		return err
	}
	<-a.ended
	a.ended = nil
	return nil
}

// Wedge has the adapter answer nothing until it is set to false, and so the kernel
// wait for it.
func (a *Adapter) Wedge(on bool) { a.gate.set(on) }

// Bus returns the number of the kernel's bus behind the adapter, once its driver has it.
func (a *Adapter) Bus() (number int, ok bool) {
	found, err := filepath.Glob(fmt.Sprintf("%s/usb*/*-%d/*-%d:1.0/i2c-*", vhci, a.port+1, a.port+1))
	if err != nil || len(found) != 1 {
		return 0, false
	}
	number, err = strconv.Atoi(filepath.Base(found[0])[len("i2c-"):])
	return number, err == nil
}
