package boardsim

import (
	"time"

	"fieldpost/board"
)

// Hygrometer is a part that measures temperature and humidity on command: AHT20,
// HDC302x, SHT3x or SHT4x. It is safe for concurrent use.
type Hygrometer struct {
	breakable
	kind        string
	tempC, pct  float64
	initialised bool      // AHT20: set up
	running     bool      // HDC302x: measures by itself
	asked       bool      // a measurement was started
	ready       time.Time // and is there from then on
	identity    []byte    // asked for and not read yet
}

// NewHygrometer returns a part of that kind in a room of 21.5 °C and 44 %; its
// name is that of the source that reads it.
func NewHygrometer(kind string) *Hygrometer {
	return &Hygrometer{kind: kind, tempC: 21.5, pct: 44}
}

// Set says what the part measures from now on, in °C and % relative humidity.
func (p *Hygrometer) Set(tempC, pct float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tempC, p.pct = tempC, pct
}

// PowerCycle takes the part's supply away for a moment.
func (p *Hygrometer) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.initialised, p.running, p.asked = false, false, false
}

// Tx implements Part.
func (p *Hygrometer) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		if p.identify(w, r) {
			return nil
		}
		switch p.kind {
		case "aht20":
			return p.aht20(w, r)
		case "hdc302x":
			return p.hdc302x(w, r)
		case "sht3x":
			return p.sht(w, r, len(w) == 2 && w[0] == 0x24, 15*time.Millisecond, 0, 100)
		default:
			return p.sht(w, r, len(w) == 1 && w[0] == 0xFD, 8300*time.Microsecond, -6, 125)
		}
	})
}

// identify answers what tells a part from another one at its address: the number of
// its maker, its status or its serial number.
func (p *Hygrometer) identify(w, r []byte) bool {
	if len(w) > 0 {
		p.identity = nil
		switch p.kind + string(w) {
		case "hdc302x\x37\x81":
			p.identity = checked(0x3000)
		case "sht3x\xf3\x2d":
			p.identity = checked(0x8010)
		case "sht4x\x89":
			p.identity = checked(0x0F36, 0x1234)
		default:
			return false
		}
	}
	if p.identity == nil {
		return false
	}
	if copy(r, p.identity) > 0 {
		p.identity = nil
	}
	return true
}

// aht20 answers as in ASAIR's AHT20 product manual A1.
func (p *Hygrometer) aht20(w, r []byte) error {
	if len(w) > 0 {
		switch w[0] {
		case 0xBE:
			p.initialised = true
		case 0xAC:
			p.asked, p.ready = true, time.Now().Add(75*time.Millisecond)
		}
	}
	status := byte(0x10)
	if p.initialised {
		status |= 0x08
	}
	if p.asked && (p.fault == StuckBusy || time.Now().Before(p.ready)) {
		status |= 0x80
	}
	h, t := 1<<19, 1<<19 // no measurement, and nothing says what else
	if p.initialised {
		h, t = count(p.pct, 0, 100, 1<<20), count(p.tempC, -50, 200, 1<<20)
	}
	frame := []byte{status, byte(h >> 12), byte(h >> 4), byte(h<<4) | byte(t>>16), byte(t >> 8), byte(t)}
	copy(r, append(frame, crc8(frame)))
	return nil
}

// hdc302x answers as in TI's SNAS793: automatic measurements, read
// with 0xE000. What was read, or is not there yet, is not acknowledged.
func (p *Hygrometer) hdc302x(w, r []byte) error {
	switch {
	case len(w) == 2 && w[0]>>4 == 2 && w[0] != 0x24:
		p.running, p.ready = true, time.Now().Add(500*time.Millisecond)
	case len(w) == 2 && w[0] == 0x30 && w[1] == 0x93:
		p.running = false
	}
	if len(r) == 0 {
		return nil
	}
	if !p.running || time.Now().Before(p.ready) || p.fault == StuckBusy {
		return board.ErrNoAck
	}
	copy(r, checked(count(p.tempC, -45, 175, 65535), count(p.pct, 0, 100, 65535)))
	return nil
}

// sht answers as in Sensirion's datasheets of SHT3x-DIS and SHT4x: a reading that
// is not there is not acknowledged.
func (p *Hygrometer) sht(w, r []byte, start bool, takes time.Duration, lo, span float64) error {
	if start {
		p.asked, p.ready = true, time.Now().Add(takes)
	}
	if len(r) == 0 {
		return nil
	}
	if !p.asked || p.fault == StuckBusy || time.Now().Before(p.ready) {
		return board.ErrNoAck
	}
	p.asked = false
	copy(r, checked(count(p.tempC, -45, 175, 65535), count(p.pct, lo, span, 65535)))
	return nil
}
