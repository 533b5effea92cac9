package boardsim

import (
	"math"
	"time"
)

// ADS1115 is TI's converter of four voltages, at addresses 0x48 to 0x4b
// (SBAS444), or the ADS1015 of 12 bits (SBAS473). A conversion takes the longest time that the datasheet allows, a
// tenth more than its data rate says: until then the last result is read. It is
// safe for concurrent use.
type ADS1115 struct {
	registers
	twelve bool
	volts  [4]float64
	ready  time.Time // end of the conversion under way
	next   uint16    // its result
}

// NewADS1115 returns a part with 0.5, 1, 1.5 and 2 V on its inputs.
func NewADS1115() *ADS1115 { return newADS(false) }

// NewADS1015 returns a part of 12 bits with the same on its inputs.
func NewADS1015() *ADS1115 { return newADS(true) }

func newADS(twelve bool) *ADS1115 {
	p := &ADS1115{twelve: twelve, volts: [4]float64{0.5, 1, 1.5, 2}}
	p.written = p.write
	p.fresh = func(byte) { p.finish() }
	p.PowerCycle()
	return p
}

// Set says what is on one input from now on, in V.
func (p *ADS1115) Set(input int, volts float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.volts[input] = volts
}

// PowerCycle takes the part's supply away for a moment.
func (p *ADS1115) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.regs = [256]uint16{1: 0x8583, 2: 0x8000, 3: 0x7FFF}
	p.ready = time.Time{}
}

func (p *ADS1115) write(reg byte, value uint16) {
	p.regs[reg] = value
	if reg != 1 || value&0x8000 == 0 {
		return
	}
	p.regs[1] &^= 0x8000 // reads 0 while a conversion is under way
	plus, minus := 0.0, 0.0
	switch mux := value >> 12 & 7; mux {
	case 0:
		plus, minus = p.volts[0], p.volts[1]
	case 1, 2, 3:
		plus, minus = p.volts[mux-1], p.volts[3]
	default:
		plus = p.volts[mux-4]
	}
	scale := []float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256}[value>>9&7]
	rates := []float64{8, 16, 32, 64, 128, 250, 475, 860}
	if p.twelve {
		rates = []float64{128, 250, 490, 920, 1600, 2400, 3300, 3300}
	}
	rate := rates[value>>5&7]
	raw := math.Round((plus - minus) / scale * 32768)
	p.next = uint16(int16(min(max(raw, -32768), 32767)))
	if p.twelve {
		p.next &^= 0xF
	}
	p.ready = time.Now().Add(time.Duration(1.1 / rate * float64(time.Second)))
}

func (p *ADS1115) finish() {
	if p.ready.IsZero() || p.fault == StuckBusy || time.Now().Before(p.ready) {
		return
	}
	p.ready = time.Time{}
	p.regs[0] = p.next
	p.regs[1] |= 0x8000
}
