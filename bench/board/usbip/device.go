package usbip

import (
	"encoding/binary"
	"errors"
	"sync"

	"fieldpost/board"
	"fieldpost/board/boardsim"
)

// Requests of an i2c-tiny-usb adapter (Linux: drivers/i2c/busses/i2c-tiny-usb.c).
const (
	cmdEcho      = 0
	cmdFunctions = 1
	cmdSetDelay  = 2
	cmdStatus    = 3
	cmdTransfer  = 4 // with the two bits below
	bitBegin     = 1
	bitEnd       = 2

	statusAck   = 1
	statusNoAck = 2

	functions = 0x0EFF0001 // I2C_FUNC_I2C and what SMBus can do over it
)

// Standard requests and descriptors (USB 2.0, sections 9.4 and 9.6).
const (
	requestGetStatus     = 0
	requestDescriptor    = 6
	descriptorDevice     = 1
	descriptorConfig     = 2
	descriptorString     = 3
	typeMask, typeVendor = 0x60, 0x40
	directionIn          = 0x80
)

// errStall is a request that the device does not know.
var errStall = errors.New("request not known")

// device is the adapter behind its control pipe. Requests come one at a time.
type device struct {
	serial  string
	mu      sync.Mutex
	parts   map[uint16]boardsim.Part
	written []byte // of the transfer under way, not yet given to its part
	status  byte   // of the last message
}

// setup is the request of a control transfer (USB 2.0, section 9.3).
type setup struct {
	kind, request        byte
	value, index, length uint16
}

func parseSetup(b []byte) setup {
	le := binary.LittleEndian
	return setup{b[0], b[1], le.Uint16(b[2:]), le.Uint16(b[4:]), le.Uint16(b[6:])}
}

// control does one request; out is what came with it. It returns what goes back.
func (d *device) control(s setup, out []byte) ([]byte, error) {
	in, err := d.answer(s, out)
	return in[:min(len(in), int(s.length))], err
}

func (d *device) answer(s setup, out []byte) ([]byte, error) {
	if s.kind&typeMask != typeVendor {
		return d.standard(s)
	}
	switch {
	case s.request == cmdEcho:
		return binary.LittleEndian.AppendUint16(nil, s.value), nil
	case s.request == cmdFunctions:
		return binary.LittleEndian.AppendUint32(nil, functions), nil
	case s.request == cmdSetDelay:
		return nil, nil
	case s.request == cmdStatus:
		return []byte{d.status}, nil
	case s.request&^(bitBegin|bitEnd) == cmdTransfer:
		return d.message(s, out), nil
	}
	return nil, errStall
}

// message is one of a transfer. Its outcome is asked for afterwards, by cmdStatus.
func (d *device) message(s setup, out []byte) []byte {
	if s.request&bitBegin != 0 {
		d.written = nil
	}
	d.mu.Lock()
	part := d.parts[s.index]
	d.mu.Unlock()
	var in []byte
	if s.kind&directionIn != 0 {
		in = make([]byte, s.length)
	} else {
		d.written = append(d.written, out...)
	}
	err := board.ErrNoAck
	switch {
	case part == nil:
	case in == nil && s.request&bitEnd == 0:
		err = nil // a read follows, or more to write
	default:
		err = part.Tx(d.written, in)
		d.written = nil
	}
	if d.status = statusAck; err != nil {
		d.status = statusNoAck
	}
	return in
}

func (d *device) standard(s setup) ([]byte, error) {
	switch s.request {
	case requestGetStatus:
		return []byte{0, 0}, nil
	case requestDescriptor:
		return d.descriptor(byte(s.value>>8), byte(s.value))
	}
	if s.kind&directionIn == 0 {
		return nil, nil // an address, a configuration, a feature: there is one of each
	}
	return nil, errStall
}

func (d *device) descriptor(kind, index byte) ([]byte, error) {
	switch {
	case kind == descriptorDevice:
		// Of version 1.10, vendor specific, 8 bytes a packet; vendor and product of
		// i2c-tiny-usb as the kernel's driver knows it.
		return []byte{18, kind, 0x10, 0x01, 0xFF, 0, 0, 8, 0x03, 0x04, 0x31, 0xC6, 0x00, 0x01, 1, 2, 3, 1}, nil
	case kind == descriptorConfig:
		return []byte{9, kind, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xFF, 0, 0, 0}, nil
	case kind == descriptorString && index == 0:
		return []byte{4, kind, 0x09, 0x04}, nil
	case kind == descriptorString && int(index) <= 3:
		text := [...]string{"fieldpost", "i2c-tiny-usb", d.serial}[index-1]
		b := []byte{byte(2 + 2*len(text)), kind}
		for _, c := range []byte(text) {
			b = append(b, c, 0)
		}
		return b, nil
	}
	return nil, errStall
}
