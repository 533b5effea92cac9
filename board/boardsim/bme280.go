package boardsim

import (
	"time"
)

// Registers of the BME280 (Bosch BST-BME280-DS002, section 5.3).
const (
	regCalib1   = 0x88 // 26 bytes: T1..T3, P1..P9, one unused, H1
	regID       = 0xD0
	regReset    = 0xE0
	regCalib2   = 0xE1 // 7 bytes: H2..H6
	regCtrlHum  = 0xF2
	regStatus   = 0xF3
	regCtrlMeas = 0xF4
	regConfig   = 0xF5
	regData     = 0xF7 // 8 bytes: pressure, temperature, humidity

	chipID       = 0x60
	chipID280    = 0x58 // BST-BMP280-DS001, section 4.3.1
	resetWord    = 0xB6
	measuring    = 0x08 // in regStatus
	modeMask     = 0x03 // in regCtrlMeas
	modeNormal   = 0x03
	skipped20Bit = 0x80000 // result of a measurement that is switched off
	skipped16Bit = 0x8000
)

// BME280 is Bosch's sensor of temperature, humidity and pressure, at address
// 0x76 or 0x77, or a BMP280, which has no humidity. It carries the calibration of a typical part and measures what
// Set or Drive tell. It is safe for concurrent use.
type BME280 struct {
	breakable
	id      byte
	regs    [256]byte
	pointer byte // register that a read begins at
	osrsHum byte // ctrl_hum as it took effect, with the last write to ctrl_meas
	pending bool // a measurement was started and its result not yet stored
	ready   time.Time
	drive   func(time.Time) (tempC, humidityPct, pressureHPa float64)
}

// NewBME280 returns a part in a room: 21.5 °C, 44 %, 1013.2 hPa.
func NewBME280() *BME280 { return newBosch(chipID) }

// NewBMP280 returns a part without humidity in the same room.
func NewBMP280() *BME280 { return newBosch(chipID280) }

func newBosch(id byte) *BME280 {
	p := &BME280{id: id}
	p.powerOn()
	p.Set(21.5, 44, 1013.2)
	return p
}

// Set says what the part measures from now on, in °C, % relative humidity and
// hPa. Values outside of what its converter can show are cut off.
func (p *BME280) Set(tempC, humidityPct, pressureHPa float64) {
	p.Drive(func(time.Time) (float64, float64, float64) { return tempC, humidityPct, pressureHPa })
}

// Drive says what the part measures from now on, by a function of the time of
// the measurement. The function is called with the part locked.
func (p *BME280) Drive(f func(at time.Time) (tempC, humidityPct, pressureHPa float64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drive = f
}

// PowerCycle takes the part's supply away for a moment: it forgets its
// settings.
func (p *BME280) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.powerOn()
}

func (p *BME280) powerOn() {
	p.regs = [256]byte{regID: p.id}
	copy(p.regs[regCalib1:], typical.block1())
	if p.id == chipID {
		copy(p.regs[regCalib2:], typical.block2())
	}
	p.pointer, p.osrsHum, p.pending = 0, 0, false
	p.store(skipped20Bit, skipped20Bit, skipped16Bit)
}

// Tx implements Part. A write is a register and, in pairs, values with their
// registers; a read goes on from the register written (section 6.2).
func (p *BME280) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		p.measure(time.Now())
		for i := 0; i+1 < len(w); i += 2 {
			p.write(w[i], w[i+1])
		}
		if len(w) > 0 {
			p.pointer = w[0]
		}
		copy(r, p.regs[p.pointer:])
		return nil
	})
}

func (p *BME280) write(reg, value byte) {
	switch reg {
	case regReset:
		if value == resetWord {
			p.powerOn()
		}
	case regCtrlHum:
		if p.id == chipID {
			p.regs[reg] = value
		}
	case regConfig:
		p.regs[reg] = value
	case regCtrlMeas:
		p.regs[reg] = value
		p.osrsHum = p.regs[regCtrlHum] & 7
		if value&modeMask != 0 {
			p.pending = true
			p.ready = time.Now().Add(p.duration())
			p.regs[regStatus] |= measuring
		}
	}
}

// measure ends the measurement that is under way when its time has come. In
// normal mode the next one has begun by then.
func (p *BME280) measure(now time.Time) {
	if !p.pending || p.fault == StuckBusy || now.Before(p.ready) {
		return
	}
	ctrl := p.regs[regCtrlMeas]
	tempC, humidityPct, pressureHPa := p.drive(now)
	rawT, fine := typical.rawTemperature(tempC)
	rawP, rawH := uint32(skipped20Bit), uint32(skipped16Bit)
	if ctrl>>2&7 != 0 {
		rawP = typical.rawPressure(pressureHPa*100, fine)
	}
	if p.osrsHum != 0 {
		rawH = typical.rawHumidity(humidityPct, fine)
	}
	if ctrl>>5 == 0 {
		rawT = skipped20Bit
	}
	p.store(rawP, rawT, rawH)
	p.regs[regStatus] &^= measuring
	if ctrl&modeMask != modeNormal {
		p.pending = false
		p.regs[regCtrlMeas] = ctrl &^ modeMask
	}
}

func (p *BME280) store(rawP, rawT, rawH uint32) {
	copy(p.regs[regData:], []byte{
		byte(rawP >> 12), byte(rawP >> 4), byte(rawP << 4),
		byte(rawT >> 12), byte(rawT >> 4), byte(rawT << 4),
		byte(rawH >> 8), byte(rawH),
	})
}

// duration is the typical time of one measurement (appendix B, 9.1).
func (p *BME280) duration() time.Duration {
	samples := func(osrs byte) time.Duration {
		if osrs == 0 {
			return 0
		}
		return time.Duration(1) << min(osrs-1, 4)
	}
	ctrl := p.regs[regCtrlMeas]
	t, pr, h := samples(ctrl>>5), samples(ctrl>>2&7), samples(p.osrsHum)
	d := time.Millisecond + 2*time.Millisecond*(t+pr+h)
	if pr > 0 {
		d += 500 * time.Microsecond
	}
	if h > 0 {
		d += 500 * time.Microsecond
	}
	return d
}
