package boardsim

import (
	"slices"
	"time"

	"fieldpost/board"
)

// DS2482 is Maxim's bridge from I²C to 1-wire: a DS2482-100 with one line
// (datasheet 19-4930), at addresses 0x18 to 0x1b, or a DS2482-800 with eight of them
// (19-4929), at 0x18 to 0x1f. It is safe for concurrent use.
//
// Of the faults, StuckBusy is a bridge whose line activity never ends.
type DS2482 struct {
	breakable
	lines   [][]*DS18B20
	line    int
	config  byte
	pointer byte
	status  byte // without its busy bit
	data    byte
	busy    time.Time // end of the activity on the line
	short   bool
}

// Of the status register, and of the configuration.
const (
	statusBusy     = 0x01
	statusPresence = 0x02
	statusShort    = 0x04
	statusLevel    = 0x08
	statusReset    = 0x10
	statusSingle   = 0x20
	statusSecond   = 0x40
	statusTaken    = 0x80

	configStrong = 0x04
	configFast   = 0x08

	pointStatus  = 0xF0
	pointData    = 0xE1
	pointChannel = 0xD2
	pointConfig  = 0xC3
)

// NewDS2482 returns a bridge that was just given its supply, with so many lines: 1
// or 8.
func NewDS2482(lines int) *DS2482 {
	p := &DS2482{lines: make([][]*DS18B20, lines)}
	p.forget()
	return p
}

// Attach puts a part on a line, the first of which is 0.
func (p *DS2482) Attach(line int, part *DS18B20) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[line] = append(p.lines[line], part)
}

// Detach takes a part off its line.
func (p *DS2482) Detach(part *DS18B20) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, on := range p.lines {
		p.lines[i] = slices.DeleteFunc(on, func(q *DS18B20) bool { return q == part })
	}
}

// Short holds the lines low, or lets them go.
func (p *DS2482) Short(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.short = on
}

// PowerCycle takes the bridge's supply away for a moment: it forgets its
// configuration and says that it was reset. The parts on its lines have their own.
func (p *DS2482) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
}

func (p *DS2482) forget() {
	p.line, p.config, p.pointer, p.status, p.busy = 0, 0, pointStatus, statusReset, time.Time{}
}

// Tx implements Part.
func (p *DS2482) Tx(w, r []byte) error {
	return p.transfer(r, func() error {
		if len(w) > 0 && !p.command(w[0], w[1:]) {
			return board.ErrNoAck
		}
		for i := range r {
			r[i] = p.register()
		}
		return nil
	})
}

func (p *DS2482) active() bool { return p.fault == StuckBusy || time.Now().Before(p.busy) }

func (p *DS2482) register() byte {
	switch p.pointer {
	case pointData:
		return p.data
	case pointConfig:
		return p.config
	case pointChannel:
		return 0xB8 - 7*byte(p.line) // 0xb8, 0xb1, 0xaa, ...
	}
	s := p.status
	if p.active() {
		s |= statusBusy
	}
	if !p.short {
		s |= statusLevel
	}
	return s
}

// command carries one out; false means that it is not acknowledged.
func (p *DS2482) command(code byte, args []byte) bool {
	if code == 0xF0 {
		p.forget()
		return true
	}
	if code == 0xE1 {
		return len(args) == 1 && p.point(args[0])
	}
	wants := map[byte]int{0xD2: 1, 0xC3: 1, 0xB4: 0, 0x87: 1, 0xA5: 1, 0x96: 0, 0x78: 1}
	n, known := wants[code]
	if !known || len(args) != n || p.active() || code == 0xC3 && len(p.lines) == 1 {
		return false
	}
	p.pointer = pointStatus
	switch code {
	case 0xD2:
		p.pointer = pointConfig
		if args[0]>>4 == ^args[0]&0x0F {
			p.config = args[0] & 0x0F
			p.status &^= statusReset
		}
	case 0xC3:
		n := int(args[0] & 0x0F)
		if n > 7 || args[0]>>4 != ^args[0]&0x0F {
			return false
		}
		p.line, p.pointer = n, pointChannel
	case 0xB4:
		p.reset()
	case 0x87:
		p.takes(1)
		got := p.slot(args[0]&0x80 != 0, true)
		p.status &^= statusSingle
		if got {
			p.status |= statusSingle
		}
	case 0xA5:
		p.takes(8)
		for i := range 8 {
			p.slot(args[0]>>i&1 == 1, i == 7)
		}
	case 0x96:
		p.takes(8)
		p.data = 0
		for i := range 8 {
			if p.slot(true, i == 7) {
				p.data |= 1 << i
			}
		}
	case 0x78:
		p.takes(3)
		p.triplet(args[0]&0x80 != 0)
	}
	return true
}

func (p *DS2482) point(to byte) bool {
	switch to {
	case pointStatus, pointData, pointConfig:
	case pointChannel:
		if len(p.lines) == 1 {
			return false
		}
	default:
		return false
	}
	p.pointer = to
	return true
}

// takes makes the line busy for so many time slots.
func (p *DS2482) takes(slots int) {
	slot := 69300 * time.Nanosecond
	if p.config&configFast != 0 {
		slot = 11 * time.Microsecond
	}
	p.busy = time.Now().Add(time.Duration(slots) * slot)
}

// hears are the parts that take part in what happens on the line: none of them
// knows the fast speed.
func (p *DS2482) hears() []*DS18B20 {
	if p.short || p.config&configFast != 0 {
		return nil
	}
	return p.lines[p.line]
}

func (p *DS2482) reset() {
	p.config &^= configStrong
	p.busy = time.Now().Add(1154 * time.Microsecond)
	p.status &^= statusPresence | statusShort
	if p.short {
		p.status |= statusShort
	}
	for _, part := range p.hears() {
		if part.reset() {
			p.status |= statusPresence
		}
	}
}

// slot is one bit on the line: it is sent as written, and read as all parts leave
// it. After the last one a strong pull-up that was asked for begins.
func (p *DS2482) slot(bit, last bool) bool {
	strong := last && p.config&configStrong != 0
	if last {
		p.config &^= configStrong
	}
	line := bit && !p.short
	for _, part := range p.hears() {
		line = part.slot(bit, p.busy, strong) && line
	}
	return line
}

func (p *DS2482) triplet(wanted bool) {
	one, other := p.slot(true, false), p.slot(true, false)
	taken := wanted
	if one != other {
		taken = one
	} else if one {
		taken = true
	}
	p.slot(taken, false)
	p.status &^= statusSingle | statusSecond | statusTaken
	for _, b := range []struct {
		on  bool
		bit byte
	}{{one, statusSingle}, {other, statusSecond}, {taken, statusTaken}} {
		if b.on {
			p.status |= b.bit
		}
	}
}
