package boardsim

// BMP180 is Bosch's older sensor of pressure and temperature, at address 0x77.
// It carries the calibration of the worked example of its datasheet
// (BST-BMP180-DS000) and always measures what that example does:
// 15.0 °C and 699.64 hPa at oversampling 1.
type BMP180 struct {
	breakable
	ctrl    byte
	pointer byte // register that a read gives
}

// NewBMP180 returns a part on the mountain of its datasheet.
func NewBMP180() *BMP180 { return new(BMP180) }

// PowerCycle takes the part's supply away for a moment.
func (p *BMP180) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctrl, p.pointer = 0, 0
}

// Tx implements Part. A write names a register, and may set it.
func (p *BMP180) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		if len(w) == 2 && w[0] == regCtrlMeas {
			p.ctrl = w[1]
		}
		if len(w) > 0 {
			p.pointer = w[0]
		}
		copy(r, p.registers(p.pointer))
		return nil
	})
}

func (p *BMP180) registers(from byte) []byte {
	const ut, up = 27898, 23843
	switch {
	case from == regID:
		return []byte{0x55}
	case from == 0xAA:
		return words(408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868)
	case from == 0xF6 && p.ctrl&0x1F == 0x0E:
		return words(ut)
	case from == 0xF6 && p.ctrl&0x1F == 0x14:
		return []byte{byte(up >> 8), byte(up & 0xFF), 0}
	}
	return nil
}
