package boardsim

import (
	"fmt"
	"maps"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"fieldpost/board"
)

// Part is a part on an I²C bus. Its methods are safe for concurrent use.
type Part interface {
	// Tx is one transfer to the part: first w is written, then r is read.
	// board.ErrNoAck in the error's chain means that the part did not answer.
	Tx(w, r []byte) error
}

// Bus is a simulated I²C bus. It implements i2c.BusCloser, so that a driver can
// be given the bus itself; Open gives handles as a kernel does.
type Bus struct {
	name string

	mu     sync.Mutex
	parts  map[uint16]Part
	gone   bool // unplugged now
	plugs  int  // times it was unplugged: older handles are dead
	closed bool
}

// NewBus returns a bus with the given device name and the parts by address.
func NewBus(name string, parts map[uint16]Part) *Bus {
	b := &Bus{name: name, parts: make(map[uint16]Part)}
	maps.Copy(b.parts, parts)
	return b
}

// Attach puts a part on the bus; a nil part clears the address.
func (b *Bus) Attach(addr uint16, p Part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == nil {
		delete(b.parts, addr)
		return
	}
	b.parts[addr] = p
}

// Unplug takes the adapter away: the device is missing, and handles opened
// before fail for good, also after Plug.
func (b *Bus) Unplug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	b.plugs++
}

// Plug brings the adapter back.
func (b *Bus) Plug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = false
}

// Open returns a handle of its own on the bus.
func (b *Bus) Open() (i2c.BusCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, missing(b.name)
	}
	return &handle{bus: b, plugs: b.plugs}, nil
}

func (b *Bus) String() string { return b.name }

// Tx implements i2c.Bus.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.mu.Lock()
	part, gone, closed := b.parts[addr], b.gone, b.closed
	b.mu.Unlock()
	return b.transfer(part, gone, closed, addr, w, r)
}

func (b *Bus) transfer(part Part, gone, closed bool, addr uint16, w, r []byte) error {
	var err error
	switch {
	case closed:
		err = board.ErrClosed
	case gone:
		err = board.ErrIO
	case part == nil:
		err = board.ErrNoAck
	default:
		err = part.Tx(w, r)
	}
	if err != nil {
		return &board.Error{Op: "transfer", Thing: fmt.Sprintf("%s address %#02x", b.name, addr), Err: err}
	}
	return nil
}

// SetSpeed implements i2c.Bus; every speed is fine.
func (b *Bus) SetSpeed(physic.Frequency) error { return nil }

// Close implements i2c.BusCloser, for a driver that was given the bus itself.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// handle is one opening of a bus.
type handle struct {
	bus   *Bus
	plugs int

	mu     sync.Mutex
	closed bool
}

func (h *handle) String() string                  { return h.bus.name }
func (h *handle) SetSpeed(physic.Frequency) error { return nil }

func (h *handle) Tx(addr uint16, w, r []byte) error {
	h.mu.Lock()
	closed := h.closed
	h.mu.Unlock()
	h.bus.mu.Lock()
	part, gone := h.bus.parts[addr], h.bus.gone || h.bus.plugs != h.plugs
	h.bus.mu.Unlock()
	return h.bus.transfer(part, gone, closed, addr, w, r)
}

func (h *handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return &board.Error{Op: "close", Thing: h.bus.name, Err: board.ErrClosed}
	}
	h.closed = true
	return nil
}
