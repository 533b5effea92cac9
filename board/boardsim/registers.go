package boardsim

// registers is a part of registers of two bytes: a write names one and may set
// it, a read gives the one named last.
type registers struct {
	breakable
	regs    [256]uint16
	pointer byte
	wide    func(reg byte) int           // bytes of a register; nil = two
	written func(reg byte, value uint16) // takes a write; nil = it is stored
	fresh   func(reg byte)               // brings a register up to date before it is read
}

// Tx implements Part.
func (p *registers) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		if len(w) > 0 {
			p.pointer = w[0]
		}
		size := 2
		if p.wide != nil {
			size = p.wide(p.pointer)
		}
		if len(w) > size {
			value := uint16(w[1])
			if size == 2 {
				value = value<<8 | uint16(w[2])
			}
			if p.written != nil {
				p.written(p.pointer, value)
			} else {
				p.regs[p.pointer] = value
			}
		}
		if len(r) == 0 {
			return nil
		}
		if p.fresh != nil {
			p.fresh(p.pointer)
		}
		value := p.regs[p.pointer]
		for i := range r {
			if shift := 8 * (size - 1 - i); shift >= 0 {
				r[i] = byte(value >> shift)
			} else {
				r[i] = 0xFF // the line is let go
			}
		}
		return nil
	})
}
