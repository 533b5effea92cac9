package chip

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// CRC8 is the checksum that Sensirion's parts and those after their pattern send
// behind each word: polynomial 0x31, from 0xff (SHT3x-DIS datasheet, section 4.12).
func CRC8(data []byte) byte {
	crc := byte(0xFF)
	for _, b := range data {
		crc ^= b
		for range 8 {
			carry := crc & 0x80
			crc <<= 1
			if carry != 0 {
				crc ^= 0x31
			}
		}
	}
	return crc
}

// Words reads words of two bytes with a checksum behind each. A word whose
// checksum is wrong is marked in bad; it is an error when all are.
func Words(bus i2c.Bus, addr uint16, command []byte, words []uint16) (bad []bool, err error) {
	frame := make([]byte, 3*len(words))
	if err := bus.Tx(addr, command, frame); err != nil {
		return nil, err
	}
	bad = make([]bool, len(words))
	wrong := 0
	for i := range words {
		word := frame[3*i : 3*i+3]
		words[i] = binary.BigEndian.Uint16(word)
		if bad[i] = CRC8(word[:2]) != word[2]; bad[i] {
			wrong++
		}
	}
	if wrong == len(words) {
		return nil, fmt.Errorf("%w: frame % x", ErrChecksum, frame)
	}
	return bad, nil
}

// Settled reads a register that is 0 until its part has measured for the first time
// after it got its supply: 0 is believed when the part has had the time for that.
func Settled(ctx context.Context, bus i2c.Bus, addr uint16, register byte, mask uint16, takes time.Duration) (uint16, error) {
	raw, err := Register(bus, addr, register)
	if err != nil || raw&mask != 0 {
		return raw, err
	}
	if err := Pause(ctx, takes); err != nil {
		return 0, err
	}
	return Register(bus, addr, register)
}

// Register reads a register of two bytes, the high one first. One that reads as a
// line does that nobody drives, or that is held low, is read a second time: a
// disturbance of one transfer makes no number.
func Register(bus i2c.Bus, addr uint16, register byte) (uint16, error) {
	var r [2]byte
	for range 2 {
		if err := bus.Tx(addr, []byte{register}, r[:]); err != nil {
			return 0, err
		}
		if r[0] != r[1] || r[0] != 0 && r[0] != 0xFF {
			break
		}
	}
	return binary.BigEndian.Uint16(r[:]), nil
}
