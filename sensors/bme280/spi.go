package bme280

import (
	"cmp"
	"context"
	"errors"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/devices/v3/bmxx80"

	"fieldpost/sensors"
	"fieldpost/sensors/chip"
)

// fastest is what the parts bear (BST-BME280-DS002, section 6.3).
const fastest = 10 * physic.MegaHertz

// OpenSPI returns an opener for the part on an SPI port, at that speed at most. open
// opens the port; the source closes it again.
func OpenSPI(open func() (spi.PortCloser, error), speed physic.Frequency) sensors.Opener {
	bus := func() (i2c.BusCloser, error) {
		p, err := open()
		if err != nil {
			return nil, err
		}
		err = p.LimitSpeed(speed)
		var c spi.Conn
		if err == nil {
			c, err = p.Connect(fastest, spi.Mode3, 8)
		}
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		return &line{p, c}, nil
	}
	return chip.Open(bus, 0, chip.Driver{Name: "bme280", Start: startSPI})
}

// line is a port as package chip knows buses. There are no addresses on it.
type line struct {
	spi.PortCloser
	conn spi.Conn
}

func (l *line) Tx(_ uint16, w, r []byte) error    { return l.conn.Tx(w, r) }
func (l *line) SetSpeed(f physic.Frequency) error { return l.LimitSpeed(f) }

func startSPI(_ context.Context, bus i2c.Bus, _ uint16) (chip.Measure, error) {
	r := &recorder{Bus: bus, spi: true}
	dev, err := bmxx80.NewSPI(&port{r}, &bmxx80.DefaultOpts)
	if err = cmp.Or(r.err, err); err != nil {
		return nil, err
	}
	return measure(dev, r), nil
}

// port is that bus as periph's driver knows ports, and the connection.
type port struct{ r *recorder }

func (p *port) String() string                                            { return p.r.String() }
func (p *port) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return p, nil }
func (p *port) Duplex() conn.Duplex                                       { return conn.Full }
func (p *port) TxPackets([]spi.Packet) error                              { return errors.ErrUnsupported }

// Tx implements conn.Conn.
func (p *port) Tx(w, r []byte) error {
	if len(r) > 1 {
		return p.r.read(w[0], r[1:])
	}
	return p.r.Tx(0, w, nil)
}
