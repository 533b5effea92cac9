package boardsim

import "time"

// BMP180 is Bosch's older sensor of pressure and temperature, at address 0x77.
// It carries the calibration of the worked example of its datasheet
// (BST-BMP180-DS000) and measures what that example does, 15.0 °C and 699.64 hPa,
// or what Raw tells. It is safe for concurrent use.
type BMP180 struct {
	breakable
	ut, up  int
	pointer byte // register that a read gives
	ctrl    byte
	data    [3]byte
	ready   time.Time // end of the conversion under way, while start is set in ctrl
}

// conversionStart reads 1 while a conversion is under way.
const conversionStart = 0x20

// NewBMP180 returns a part on the mountain of its datasheet.
func NewBMP180() *BMP180 {
	p := &BMP180{ut: 27898, up: 23843}
	p.PowerCycle()
	return p
}

// Raw says what the part's converter gives from now on, for the temperature and for
// the pressure at oversampling 1.
func (p *BMP180) Raw(ut, up int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ut, p.up = ut, up
}

// PowerCycle takes the part's supply away for a moment.
func (p *BMP180) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctrl, p.pointer, p.data = 0, 0, [3]byte{0x80, 0, 0} // their state after a reset, by the memory map
}

// Tx implements Part. A write names a register, and may set it.
func (p *BMP180) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		p.convert(time.Now())
		if len(w) == 2 && w[0] == regCtrlMeas {
			takes := []time.Duration{4500, 7500, 13500, 25500}[w[1]>>6]
			p.ctrl, p.ready = w[1], time.Now().Add(takes*time.Microsecond)
		}
		if len(w) > 0 {
			p.pointer = w[0]
		}
		copy(r, p.registers(p.pointer))
		return nil
	})
}

// convert ends the conversion that is under way when its time has come.
func (p *BMP180) convert(now time.Time) {
	if p.ctrl&conversionStart == 0 || p.fault == StuckBusy || now.Before(p.ready) {
		return
	}
	switch p.ctrl & 0x1F {
	case 0x0E:
		p.data = [3]byte{byte(p.ut >> 8), byte(p.ut), 0}
	case 0x14:
		p.data = [3]byte{byte(p.up >> 8), byte(p.up), 0}
	}
	p.ctrl &^= conversionStart
}

func (p *BMP180) registers(from byte) []byte {
	switch from {
	case regID:
		return []byte{0x55}
	case regCtrlMeas:
		return []byte{p.ctrl}
	case 0xAA:
		return words(408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868)
	case 0xF6:
		return p.data[:]
	}
	return nil
}
