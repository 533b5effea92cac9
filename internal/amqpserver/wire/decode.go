package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	maxDepth  = 32     // levels of lists, maps, arrays and descriptions in one value
	maxValues = 131072 // values decoded by one call
)

// Unmarshal decodes the first value of b and returns it with the bytes behind
// it. The value shares no memory with b. An error is an *Error with
// amqp:decode-error.
func Unmarshal(b []byte) (v any, rest []byte, err error) {
	d := newDecoder(b)
	v, err = d.value()
	if err != nil {
		return nil, b, err
	}
	return v, d.b, nil
}

// decoder reads values from the front of b. The budget is shared by all
// decoders of one call.
type decoder struct {
	b      []byte
	depth  int
	budget *int
}

func newDecoder(b []byte) *decoder {
	budget := maxValues
	return &decoder{b: b, budget: &budget}
}

func decodeErrorf(format string, args ...any) error {
	return &Error{Condition: CondDecodeError, Description: fmt.Sprintf(format, args...)}
}

func errShort() error { return decodeErrorf("value is cut short") }

func errConstructor(code byte, want string) error {
	return decodeErrorf("constructor 0x%02x where %s is due", code, want)
}

// take cuts n bytes off the front. n may come from a stranger.
func (d *decoder) take(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(d.b)) {
		return nil, errShort()
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out, nil
}

func (d *decoder) uint8() (uint8, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *decoder) uint16() (uint16, error) {
	b, err := d.take(2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b), nil
}

func (d *decoder) uint32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (d *decoder) uint64() (uint64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// variable reads the bytes of a variable-width value: code 0xa_ has an 8-bit
// size, 0xb_ a 32-bit one.
func (d *decoder) variable(code byte) ([]byte, error) {
	n, err := d.width(code>>4 == 0xb)
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

func (d *decoder) width(wide bool) (uint32, error) {
	if wide {
		return d.uint32()
	}
	n, err := d.uint8()
	return uint32(n), err
}

func (d *decoder) nested(b []byte) (decoder, error) {
	if d.depth >= maxDepth {
		return decoder{}, decodeErrorf("value nests deeper than %d levels", maxDepth)
	}
	return decoder{b: b, depth: d.depth + 1, budget: d.budget}, nil
}

func (d *decoder) spend() error {
	*d.budget--
	if *d.budget < 0 {
		return decodeErrorf("more than %d values", maxValues)
	}
	return nil
}

func (d *decoder) value() (any, error) {
	code, err := d.uint8()
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return d.bare(code)
	}
	sub, err := d.nested(d.b)
	if err != nil {
		return nil, err
	}
	descriptor, err := sub.descriptor()
	if err != nil {
		return nil, err
	}
	v, err := sub.value()
	if err != nil {
		return nil, err
	}
	d.b = sub.b
	return Described{Descriptor: descriptor, Value: v}, nil
}

// descriptor reads the descriptor after a 0x00: a ulong or a symbol.
func (d *decoder) descriptor() (any, error) {
	code, err := d.uint8()
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x44, 0x53, 0x80, 0xa3, 0xb3:
		return d.bare(code)
	}
	return nil, errConstructor(code, "a descriptor")
}

// bare reads a value whose constructor was read already.
func (d *decoder) bare(code byte) (any, error) {
	if err := d.spend(); err != nil {
		return nil, err
	}
	switch code >> 4 {
	case 0x4:
		return d.fixed0(code)
	case 0x5:
		x, err := d.uint8()
		return fixed1(code, x, err)
	case 0x6:
		x, err := d.uint16()
		return fixed2(code, x, err)
	case 0x7:
		x, err := d.uint32()
		return fixed4(code, x, err)
	case 0x8:
		x, err := d.uint64()
		return fixed8(code, x, err)
	case 0x9:
		return d.fixed16(code)
	case 0xa, 0xb:
		return d.text(code)
	case 0xc, 0xd:
		switch code {
		case 0xc0, 0xd0:
			return d.list(code == 0xd0)
		case 0xc1, 0xd1:
			return d.mapping(code == 0xd1)
		}
	case 0xe, 0xf:
		if code == 0xe0 || code == 0xf0 {
			return d.array(code == 0xf0)
		}
	}
	return nil, errConstructor(code, "a known type")
}
