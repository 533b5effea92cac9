package boardsim

import (
	"math"
	"time"
)

// INA219 is TI's meter of voltage and current, at addresses 0x40 to 0x4f
// (SBOS448G). It is safe for concurrent use.
type INA219 struct {
	registers
	volts, shuntVolts float64
	first             time.Time // end of the first conversion after power-on
}

// NewINA219 returns a part on 12 V, with 0.1 V across its shunt.
func NewINA219() *INA219 {
	p := &INA219{volts: 12, shuntVolts: 0.1}
	p.fresh = func(reg byte) {
		if reg >= 1 && reg <= 4 {
			p.measure()
		}
	}
	p.PowerCycle()
	p.first = time.Time{}
	return p
}

// Set says what the part measures from now on: the voltage of the bus and that
// across the shunt, in V.
func (p *INA219) Set(volts, shuntVolts float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.volts, p.shuntVolts = volts, shuntVolts
}

// PowerCycle takes the part's supply away for a moment: it forgets its
// settings, and shows nothing until it has measured.
func (p *INA219) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.regs = [256]uint16{0: 0x399F} // the default of its datasheet
	p.first = time.Now().Add(2 * 586 * time.Microsecond)
}

func (p *INA219) measure() {
	if time.Now().Before(p.first) {
		return
	}
	top := 16.0
	if p.regs[0]&0x2000 != 0 {
		top = 32
	}
	bus := int(math.Round(min(p.volts, top) / 0.004))
	shunt := int(math.Round(p.shuntVolts / 10e-6))
	current := shunt * int(p.regs[5]) / 4096
	p.regs[1] = uint16(shunt)
	p.regs[2] = uint16(bus<<3 | 2)
	p.regs[4] = uint16(current)
	p.regs[3] = uint16(max(current, -current) * bus / 5000)
}
