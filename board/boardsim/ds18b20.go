package boardsim

import (
	"fmt"
	"math"
	"time"
)

// DS18B20 is a thermometer on a 1-wire line, one of the family that share its
// commands: family code 0x28 is the DS18B20 itself (datasheet 19-7487), 0x10 the
// DS18S20 (19-5474), 0x22 the DS1822 and 0x3b the DS1825. It is safe for concurrent
// use.
//
// Of the faults, Absent is a part that is not there, StuckBusy a conversion that
// never ends, Corrupt one that never drives the line, BadChecksum a scratchpad whose
// last byte arrives wrong.
type DS18B20 struct {
	breakable
	rom      [8]byte
	parasite bool
	tempC    float64
	scratch  [8]byte
	stored   [3]byte // EEPROM: TH, TL, configuration
	writes   int     // copies to the EEPROM
	ready    time.Time
	strong   bool // the conversion under way is fed by a strong pull-up

	state  wireState
	bit    int
	phase  int
	got    [8]byte
	answer []byte
}

// wireState is what a part expects of the line next.
type wireState byte

const (
	deaf       wireState = iota // until the next reset
	romCommand                  // 8 bits
	searching                   // triplets
	matching                    // 64 bits
	function                    // 8 bits
	writing                     // bytes of the scratchpad
	answering                   // bits of an answer, then ones
	converting                  // 0 while it measures, then 1
)

// NewDS18B20 returns a part of that family in a room of 21.5 °C, which has not
// measured yet. Of serial the lower 48 bits count.
func NewDS18B20(family byte, serial uint64) *DS18B20 {
	p := &DS18B20{tempC: 21.5, stored: [3]byte{0x4B, 0x46, 0x7F}}
	p.rom[0] = family
	for i := range 6 {
		p.rom[1+i] = byte(serial >> (8 * i))
	}
	p.rom[7] = maximCRC(p.rom[:7])
	p.powerOn()
	return p
}

// ID is the part's number as Linux writes it: "28-0316a2795cff".
func (p *DS18B20) ID() string {
	r := p.rom
	return fmt.Sprintf("%02x-%02x%02x%02x%02x%02x%02x", r[0], r[6], r[5], r[4], r[3], r[2], r[1])
}

// Set says what the part measures from now on, in °C.
func (p *DS18B20) Set(tempC float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tempC = tempC
}

// Parasite has the part live on its data line: it measures only while a strong
// pull-up lasts.
func (p *DS18B20) Parasite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parasite = true
}

// Stored returns what the part's EEPROM holds, and how often it was written.
func (p *DS18B20) Stored() (th, tl, config byte, writes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored[0], p.stored[1], p.stored[2], p.writes
}

// PowerCycle takes the part's supply away for a moment: it shows 85 °C until it
// has measured, in the resolution that its EEPROM holds.
func (p *DS18B20) PowerCycle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.powerOn()
}

func (p *DS18B20) powerOn() {
	p.scratch = [8]byte{0x50, 0x05, p.stored[0], p.stored[1], p.stored[2], 0xFF, 0x0C, 0x10}
	if p.coarse() {
		p.scratch[0], p.scratch[1], p.scratch[4] = 0xAA, 0x00, 0xFF
	}
	p.ready, p.state = time.Time{}, deaf
}

// coarse reports whether the part has half kelvins and counts what is left over.
func (p *DS18B20) coarse() bool { return p.rom[0] == 0x10 }

// reset is the line's reset pulse; it returns whether the part answers it.
func (p *DS18B20) reset() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(time.Now())
	if p.fault == Absent {
		p.state = deaf
		return false
	}
	p.expect(romCommand)
	return p.fault != Corrupt
}

func (p *DS18B20) expect(s wireState) {
	p.state, p.bit, p.phase, p.got = s, 0, 0, [8]byte{}
}

// slot is one time slot: the bridge sends a bit, and the part may pull the line low
// where that is 1. It returns how the part leaves the line. strong says that a
// strong pull-up follows.
func (p *DS18B20) slot(bit bool, at time.Time, strong bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(at)
	if p.fault == Corrupt || p.fault == Absent {
		return bit
	}
	switch p.state {
	case deaf:
		return bit
	case searching:
		return p.search(bit)
	case converting:
		return bit && p.ready.IsZero()
	case answering:
		p.bit++
		return bit && (p.bit > 8*len(p.answer) || bitOf(p.answer, p.bit-1))
	}
	if bit {
		p.got[p.bit/8] |= 1 << (p.bit % 8)
	}
	p.bit++
	p.hears(at, strong)
	return bit
}

// search says a bit of the number, then its opposite, and goes on while the bit
// that the bridge takes is its own.
func (p *DS18B20) search(bit bool) bool {
	mine := bitOf(p.rom[:], p.bit)
	switch p.phase++; p.phase {
	case 1:
		return bit && mine
	case 2:
		return bit && !mine
	}
	p.phase = 0
	p.bit++
	if bit != mine || p.bit == 64 {
		p.state = deaf
	}
	return bit
}

// hears acts on what has arrived once it is whole.
func (p *DS18B20) hears(at time.Time, strong bool) {
	switch {
	case p.state == matching && p.bit == 64:
		if p.got == p.rom {
			p.expect(function)
		} else {
			p.state = deaf
		}
	case p.state == romCommand && p.bit == 8:
		p.selects(p.got[0])
	case p.state == function && p.bit == 8:
		p.does(p.got[0], at, strong)
	case p.state == writing && p.bit == 24:
		copy(p.scratch[2:5], p.got[:3])
		p.scratch[4] = p.config(p.got[2])
		p.state = deaf
	}
}

// config is what the configuration reads as after it was written with b.
func (p *DS18B20) config(b byte) byte {
	switch p.rom[0] {
	case 0x10:
		return 0xFF
	case 0x3B:
		return b&0x60 | 0x10 // its lowest bits are those of its address pins
	}
	return b&0x60 | 0x1F
}

func (p *DS18B20) selects(command byte) {
	switch command {
	case 0xF0:
		p.expect(searching)
	case 0x55:
		p.expect(matching)
	case 0xCC:
		p.expect(function)
	case 0x33:
		p.answers(p.rom[:])
	default:
		p.state = deaf
	}
}

func (p *DS18B20) answers(b []byte) {
	p.expect(answering)
	p.answer = b
}

func (p *DS18B20) does(command byte, at time.Time, strong bool) {
	switch command {
	case 0x44:
		takes := 750 * time.Millisecond
		if !p.coarse() {
			takes >>= 3 - p.scratch[4]>>5&3
		}
		p.expect(converting)
		p.ready, p.strong = at.Add(takes), strong
		if p.parasite && !strong {
			p.ready = time.Time{}
		}
	case 0x4E:
		p.expect(writing)
	case 0x48:
		copy(p.stored[:], p.scratch[2:5])
		p.writes++
		p.answers(nil)
	case 0xB8:
		copy(p.scratch[2:5], p.stored[:])
		p.answers(nil)
	case 0xB4:
		p.answers(nil)
		if p.parasite {
			p.answer = []byte{0}
		}
	case 0xBE:
		sum := maximCRC(p.scratch[:])
		if p.fault == BadChecksum {
			sum ^= 0x5A
		}
		p.answers(append(p.scratch[:8:8], sum))
	default:
		p.state = deaf
	}
}

// settle ends a conversion whose time has come. The time slots of a part on
// parasitic power end its strong pull-up, and with it an unfinished conversion.
func (p *DS18B20) settle(at time.Time) {
	if p.ready.IsZero() || p.fault == StuckBusy {
		return
	}
	if at.Before(p.ready) {
		if p.parasite {
			p.powerOn()
		}
		return
	}
	p.ready = time.Time{}
	if p.coarse() {
		// Half kelvins, cut off a quarter below, and sixteenths to the next whole one.
		sixteenths := int(math.Floor(p.tempC*16)) + 4
		whole := sixteenths >> 4
		p.scratch[6] = byte(16 - sixteenths&15)
		half := whole << 1
		p.scratch[0], p.scratch[1], p.scratch[7] = byte(half), byte(half>>8), 16
		return
	}
	keep := 3 - int(p.scratch[4]>>5&3)
	raw := int(math.Floor(p.tempC*16)) >> keep << keep
	p.scratch[0], p.scratch[1] = byte(raw), byte(raw>>8)
}

func bitOf(b []byte, i int) bool { return b[i/8]>>(i%8)&1 == 1 }

// maximCRC is the checksum of 1-wire parts: x^8 + x^5 + x^4 + 1, the lowest bit first
// (Maxim application note 27).
func maximCRC(data []byte) (crc byte) {
	for _, b := range data {
		for i := range 8 {
			odd := (crc^b>>i)&1 == 1
			crc >>= 1
			if odd {
				crc ^= 0x8C
			}
		}
	}
	return crc
}
