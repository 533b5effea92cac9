package boardsim

import (
	"math"
	"time"
)

// Thermometer is a part with one temperature register: LM75, TMP75, TMP102,
// TMP105 or MCP9808. It is safe for concurrent use.
type Thermometer struct {
	registers
	kind  string
	tempC float64
	first time.Time // end of the first conversion after power-on: 0 °C is read until then
}

// NewThermometer returns a part of that kind in a room of 21.5 °C; its name is
// that of the source that reads it.
func NewThermometer(kind string) *Thermometer {
	p := &Thermometer{kind: kind, tempC: 21.5}
	p.fresh = func(reg byte) {
		if reg == p.data() {
			p.measure()
		}
	}
	p.wide = func(reg byte) int {
		if p.narrow() && reg == 1 || p.kind == "mcp9808" && reg == 8 {
			return 1
		}
		return 2
	}
	p.PowerCycle()
	p.first = time.Time{}
	return p
}

// narrow reports whether the configuration is of one byte.
func (p *Thermometer) narrow() bool { return p.kind != "tmp102" && p.kind != "mcp9808" }

func (p *Thermometer) data() byte {
	if p.kind == "mcp9808" {
		return 5
	}
	return 0
}

// Set says what the part measures from now on, in °C.
func (p *Thermometer) Set(tempC float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tempC = tempC
}

// PowerCycle takes the part's supply away for a moment.
func (p *Thermometer) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.regs = [256]uint16{2: 0x4B00, 3: 0x5000} // alarm at 80 °C, until 75 °C
	p.first = time.Now().Add(250 * time.Millisecond)
	switch p.kind {
	case "tmp102":
		p.regs[1] = 0x60A0 // SBOS397
		p.first = time.Now().Add(35 * time.Millisecond)
	case "mcp9808":
		p.regs[2], p.regs[3] = 0, 0
		p.regs[6], p.regs[7], p.regs[8] = 0x0054, 0x0400, 3 // DS25095
	}
}

// Sleep shuts the part down, as other software may have left it: it keeps the
// temperature it measured last.
func (p *Thermometer) Sleep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.narrow() {
		p.regs[1] |= 0x01
	} else {
		p.regs[1] |= 0x0100
	}
}

func (p *Thermometer) asleep() bool {
	if p.narrow() {
		return p.regs[1]&0x01 != 0
	}
	return p.regs[1]&0x0100 != 0
}

// measure brings the register of the temperature up to date, in the steps that
// the part has.
func (p *Thermometer) measure() {
	if p.asleep() || time.Now().Before(p.first) {
		return
	}
	steps := 256.0 // to a kelvin, in a register of 16 bits
	keep := 4      // unused bits
	switch p.kind {
	case "lm75":
		keep = 7
	case "tmp75", "tmp105":
		keep = 7 - int(p.regs[1]>>5&3)
	case "mcp9808":
		steps, keep = 16, 3-int(p.regs[8]&3)
	}
	raw := int(math.Floor(p.tempC*steps)) >> keep << keep
	if p.kind == "mcp9808" {
		raw &= 0x1FFF
	}
	if p.kind == "tmp102" && p.regs[1]&0x10 != 0 { // extended: 13 bits, and a mark
		raw = raw>>1 | 1
	}
	p.regs[p.data()] = uint16(raw)
}
