package board

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

const spiPrefix = "/dev/spidev"

// Of <linux/spi/spidev.h>.
const (
	spiBits     = 0x40016b03
	spiSpeed    = 0x40046b04
	spiMode     = 0x40046b05 // of 32 bits
	spiTransfer = 0x40206b00 // one spi_ioc_transfer

	spiMost = 4096 // bytes that spidev takes at once, unless it is told otherwise at boot
)

// spiMsg is struct spi_ioc_transfer.
type spiMsg struct {
	tx, rx    uint64
	length    uint32
	speed     uint32
	delay     uint16
	bits      uint8
	csChange  uint8
	txBits    uint8
	rxBits    uint8
	wordDelay uint8
	_         uint8
}

// SPI implements Ports.
func (h *HostBoard) SPI(device string) (spi.PortCloser, error) {
	if !strings.HasPrefix(device, spiPrefix) {
		return nil, &Error{Op: "open", Thing: device, Err: fmt.Errorf("not of the form %s<bus>.<chip select>", spiPrefix)}
	}
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{Op: "open", Thing: device, Err: kindOf(err)}
	}
	return &hostSPI{device: device, fd: fd, ioctl: ioctl}, nil
}

// hostSPI is a part's port of the kernel's spidev, and the connection to it.
type hostSPI struct {
	device string

	mu    sync.Mutex
	fd    int // -1 after Close
	limit physic.Frequency
	ioctl func(fd int, request uint, arg unsafe.Pointer) error
}

func (p *hostSPI) String() string { return p.device }

// LimitSpeed implements spi.PortCloser.
func (p *hostSPI) LimitSpeed(f physic.Frequency) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = f
	return nil
}

// Connect implements spi.Port: the port is the connection.
func (p *hostSPI) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit > 0 && (f == 0 || p.limit < f) {
		f = p.limit
	}
	m, b, hz := uint32(mode), uint8(bits), uint32(f/physic.Hertz)
	for _, set := range [...]struct {
		request uint
		arg     unsafe.Pointer
	}{{spiMode, unsafe.Pointer(&m)}, {spiBits, unsafe.Pointer(&b)}, {spiSpeed, unsafe.Pointer(&hz)}} {
		if err := p.ioctl(p.fd, set.request, set.arg); err != nil {
			return nil, &Error{Op: "set up", Thing: p.device, Err: kindOf(err)}
		}
	}
	return p, nil
}

// Duplex implements conn.Conn.
func (p *hostSPI) Duplex() conn.Duplex { return conn.Full }

// TxPackets implements spi.Conn; no driver here needs it.
func (p *hostSPI) TxPackets([]spi.Packet) error {
	return &Error{Op: "transfer", Thing: p.device, Err: errors.ErrUnsupported}
}

// Tx implements conn.Conn: r is read while w is written. One of them may be empty.
func (p *hostSPI) Tx(w, r []byte) error {
	if err := p.tx(w, r); err != nil {
		return &Error{Op: "transfer", Thing: p.device, Err: kindOf(err)}
	}
	return nil
}

func (p *hostSPI) tx(w, r []byte) error {
	n := max(len(w), len(r))
	switch {
	case len(w) > 0 && len(r) > 0 && len(w) != len(r):
		return errors.New("as many bytes are read as are written")
	case n > spiMost:
		return fmt.Errorf("more than %d bytes in one transfer", spiMost)
	case n == 0:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return ErrClosed
	}
	// The kernel is handed addresses as numbers: what they point to must not be on a
	// stack that moves.
	var pin runtime.Pinner
	defer pin.Unpin()
	m := spiMsg{length: uint32(n)}
	if len(w) > 0 {
		pin.Pin(&w[0])
		m.tx = uint64(uintptr(unsafe.Pointer(&w[0])))
	}
	if len(r) > 0 {
		pin.Pin(&r[0])
		m.rx = uint64(uintptr(unsafe.Pointer(&r[0])))
	}
	return p.ioctl(p.fd, spiTransfer, unsafe.Pointer(&m))
}

// Close implements spi.PortCloser.
func (p *hostSPI) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := ErrClosed
	if p.fd >= 0 {
		err = unix.Close(p.fd)
		p.fd = -1
	}
	if err != nil {
		return &Error{Op: "close", Thing: p.device, Err: kindOf(err)}
	}
	return nil
}
