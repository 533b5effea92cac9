package board

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"unsafe"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// fakeSPI is a port whose kernel keeps what it is told and gives back, byte by byte,
// what is written plus one.
func fakeSPI(told map[uint]uint32) *hostSPI {
	return &hostSPI{device: "/dev/spidev0.0", fd: 1000, ioctl: func(fd int, request uint, arg unsafe.Pointer) error {
		switch request {
		case spiBits:
			told[request] = uint32(*(*uint8)(arg))
		case spiMode, spiSpeed:
			told[request] = *(*uint32)(arg)
		case spiTransfer:
			m := (*spiMsg)(arg)
			told[request]++
			if m.tx != 0 && m.rx != 0 {
				w := unsafe.Slice((*byte)(address(m.tx)), m.length)
				r := unsafe.Slice((*byte)(address(m.rx)), m.length)
				for i := range w {
					r[i] = w[i] + 1
				}
			}
		}
		return nil
	}}
}

// address is what the kernel makes of the number it is handed.
func address(n uint64) unsafe.Pointer {
	p := uintptr(n)
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

func TestSPITransfer(t *testing.T) {
	told := map[uint]uint32{}
	p := fakeSPI(told)
	if err := p.LimitSpeed(500 * physic.KiloHertz); err != nil {
		t.Fatal(err)
	}
	c, err := p.Connect(10*physic.MegaHertz, spi.Mode3, 8)
	if err != nil || told[spiMode] != 3 || told[spiBits] != 8 || told[spiSpeed] != 500_000 {
		t.Errorf("%v, %v", told, err)
	}
	r := make([]byte, 3)
	if err := c.Tx([]byte{1, 2, 3}, r); err != nil || !bytes.Equal(r, []byte{2, 3, 4}) {
		t.Errorf("% x, %v", r, err)
	}
	if err := c.Tx([]byte{1}, nil); err != nil || told[spiTransfer] != 2 {
		t.Error(told, err)
	}
	var e *Error
	for _, w := range [][]byte{{1}, make([]byte, spiMost+1)} {
		if err := c.Tx(w, make([]byte, len(w)+1)); !errors.As(err, &e) || e.Thing != "/dev/spidev0.0" {
			t.Errorf("%d bytes: %v", len(w), err)
		}
	}
	p.fd = -1
	if err := c.Tx([]byte{1}, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if unsafe.Sizeof(spiMsg{}) != 32 {
		t.Error(unsafe.Sizeof(spiMsg{}))
	}
}

func TestSPIThatIsNotThere(t *testing.T) {
	for device, is := range map[string]error{"/dev/spidev99.7": os.ErrNotExist, "/dev/i2c-1": nil} {
		_, err := Host().SPI(device)
		var e *Error
		if !errors.As(err, &e) || is != nil && (!errors.Is(err, is) || !strings.Contains(e.Hint(), "dtparam=spi=on")) {
			t.Errorf("%s: %v", device, err)
		}
	}
}
