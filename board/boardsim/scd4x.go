package boardsim

import (
	"time"

	"fieldpost/board"
)

// SCD4x is Sensirion's sensor of carbon dioxide, at address 0x62 (SCD4x
// datasheet 1.4). It measures every five seconds once it was started.
// It is safe for concurrent use.
type SCD4x struct {
	breakable
	ppm, tempC, pct float64
	asked           int       // command whose answer was not read yet
	next            time.Time // end of the measurement under way; zero while it does not measure
}

// NewSCD4x returns a part in a room: 700 ppm, 21.5 °C, 44 %.
func NewSCD4x() *SCD4x { return &SCD4x{ppm: 700, tempC: 21.5, pct: 44} }

// Set says what the part measures from now on, in ppm, °C and %.
func (p *SCD4x) Set(ppm, tempC, pct float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ppm, p.tempC, p.pct = ppm, tempC, pct
}

// PowerCycle takes the part's supply away for a moment: it measures no more.
func (p *SCD4x) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = time.Time{}
}

const scd4xEvery = 5 * time.Second

// Tx implements Part.
func (p *SCD4x) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		now := time.Now()
		if len(w) >= 2 {
			p.asked = int(w[0])<<8 | int(w[1])
			if !p.command(now) {
				return board.ErrNoAck
			}
		}
		if len(r) > 0 || len(w) < 2 {
			answer := p.answer(now)
			if answer == nil {
				return board.ErrNoAck
			}
			copy(r, answer)
		}
		return nil
	})
}

// command does what was asked; false means that it is not acknowledged.
func (p *SCD4x) command(now time.Time) bool {
	measures := !p.next.IsZero()
	switch p.asked {
	case 0x21B1: // start
		if measures {
			return false
		}
		p.next = now.Add(scd4xEvery)
	case 0x3F86: // stop
		p.next = time.Time{}
	case 0x36F6: // wake up: of a part that measures, nothing is heard
		return !measures
	case 0xEC05: // read
		return p.ready(now)
	}
	return true
}

// ready reports whether a measurement is there.
func (p *SCD4x) ready(now time.Time) bool {
	return !p.next.IsZero() && !now.Before(p.next) && p.fault != StuckBusy
}

// answer is what is read for the command that was asked last, once.
func (p *SCD4x) answer(now time.Time) []byte {
	asked := p.asked
	p.asked = 0
	switch asked {
	case 0xE4B8: // is data ready
		if p.ready(now) {
			return checked(0x8006)
		}
		return checked(0x8000)
	case 0xEC05:
		p.next = now.Add(scd4xEvery)
		return checked(int(p.ppm), count(p.tempC, -45, 175, 65535), count(p.pct, 0, 100, 65535))
	}
	return nil
}
