package boardsim

import "time"

// BH1750 is ROHM's sensor of light, at address 0x23 or 0x5c (BH1750FVI datasheet,
// 2011.11 Rev.D). After power-on it is down, and forgets the commands that it is
// given until it is switched on. It is safe for concurrent use.
type BH1750 struct {
	breakable
	lux   float64
	on    bool
	mode  byte
	ready time.Time
	shown uint16
}

// NewBH1750 returns a part in a room of 300 lx.
func NewBH1750() *BH1750 { return &BH1750{lux: 300} }

// Set says what the part measures from now on, in lx.
func (p *BH1750) Set(lux float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lux = lux
}

// PowerCycle takes the part's supply away for a moment.
func (p *BH1750) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on, p.mode, p.shown = false, 0, 0
}

// Tx implements Part.
func (p *BH1750) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		if len(w) == 1 {
			p.command(w[0])
		}
		if p.mode != 0 && p.fault != StuckBusy && !time.Now().Before(p.ready) {
			p.shown = uint16(min(p.lux*1.2, 65535)) // page 7
			if p.mode&0x20 != 0 {
				p.on, p.mode = false, 0 // one measurement only
			}
		}
		copy(r, words(int(p.shown)))
		return nil
	})
}

func (p *BH1750) command(c byte) {
	switch {
	case c == 0x00:
		p.on, p.mode = false, 0
	case c == 0x01:
		p.on = true
	case c == 0x07 && p.on:
		p.shown = 0
	case (c == 0x10 || c == 0x20) && p.on:
		p.mode, p.ready = c, time.Now().Add(180*time.Millisecond) // longest for H-resolution, page 5
	}
}
