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
		if len(w) < 2 {
			return board.ErrNoAck
		}
		now, measures := time.Now(), !p.next.IsZero()
		ready := measures && !now.Before(p.next) && p.fault != StuckBusy
		switch int(w[0])<<8 | int(w[1]) {
		case 0x21B1: // start
			if measures {
				return board.ErrNoAck
			}
			p.next = now.Add(scd4xEvery)
		case 0x3F86: // stop
			p.next = time.Time{}
		case 0x36F6: // wake up: of a part that measures, nothing is heard
			if measures {
				return board.ErrNoAck
			}
		case 0xE4B8: // is data ready
			state := 0x8000
			if ready {
				state |= 6
			}
			copy(r, checked(state))
		case 0xEC05: // read
			if !ready {
				return board.ErrNoAck
			}
			p.next = now.Add(scd4xEvery)
			copy(r, checked(int(p.ppm), count(p.tempC, -45, 175, 65535), count(p.pct, 0, 100, 65535)))
		}
		return nil
	})
}
