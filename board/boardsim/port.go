package boardsim

import (
	"errors"
	"sync"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"fieldpost/board"
)

// Port is a simulated SPI port with one of Bosch's parts on it, which has the
// registers it has on I²C: the highest bit of the first byte tells a read from a write
// (BST-BME280-DS002, section 6.3). Without a part, or with one that is absent, the
// line is read as ones.
type Port struct {
	name string

	mu    sync.Mutex
	part  Part
	speed physic.Frequency // as it was limited
}

// NewPort returns a port with the given device name and a part, or nil.
func NewPort(name string, part Part) *Port { return &Port{name: name, part: part} }

// Speed returns what the port was limited to.
func (p *Port) Speed() physic.Frequency {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.speed
}

// String, LimitSpeed, Connect and Close implement spi.PortCloser.
func (p *Port) String() string { return p.name }

func (p *Port) LimitSpeed(f physic.Frequency) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = f
	return nil
}

func (p *Port) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return p, nil }
func (p *Port) Close() error                                              { return nil }

// Duplex and TxPackets implement spi.Conn.
func (p *Port) Duplex() conn.Duplex          { return conn.Full }
func (p *Port) TxPackets([]spi.Packet) error { return errors.ErrUnsupported }

// Tx implements conn.Conn.
func (p *Port) Tx(w, r []byte) error {
	p.mu.Lock()
	part := p.part
	p.mu.Unlock()
	for i := range r {
		r[i] = 0xFF
	}
	if part == nil || len(w) == 0 {
		return nil
	}
	var err error
	if w[0]&0x80 != 0 {
		if len(r) > 1 {
			err = part.Tx(w[:1], r[1:])
		}
	} else {
		bytes := append([]byte(nil), w...)
		for i := 0; i < len(bytes); i += 2 {
			bytes[i] |= 0x80
		}
		err = part.Tx(bytes, nil)
	}
	if errors.Is(err, board.ErrNoAck) { // nobody has to acknowledge anything
		err = nil
	}
	return err
}
