package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sort"
)

// compound reads size and count of a list, map or array and returns a decoder
// over exactly the bytes of its items, one level deeper.
func (d *decoder) compound(wide bool) (decoder, uint32, error) {
	size, err := d.width(wide)
	if err != nil {
		return decoder{}, 0, err
	}
	content, err := d.take(size)
	if err != nil {
		return decoder{}, 0, err
	}
	sub, err := d.nested(content)
	if err != nil {
		return decoder{}, 0, err
	}
	count, err := sub.width(wide)
	return sub, count, err
}

func (d *decoder) list(wide bool) (any, error) {
	sub, count, err := d.compound(wide)
	if err != nil {
		return nil, err
	}
	var out List
	for ; count > 0; count-- {
		v, err := sub.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, sub.spent()
}

// spent checks that a compound held no more than its count said.
func (d *decoder) spent() error {
	if len(d.b) > 0 {
		return decodeErrorf("%d bytes behind the last item", len(d.b))
	}
	return nil
}

func (d *decoder) mapping(wide bool) (any, error) {
	sub, count, err := d.compound(wide)
	if err != nil {
		return nil, err
	}
	if count%2 != 0 {
		return nil, decodeErrorf("map with a key and no value")
	}
	out := Map{}
	for ; count > 0; count -= 2 {
		k, err := sub.value()
		if err != nil {
			return nil, err
		}
		if !hashable(k) {
			return nil, decodeErrorf("map key of type %T", k)
		}
		v, err := sub.value()
		if err != nil {
			return nil, err
		}
		if _, twice := out[k]; twice {
			return nil, decodeErrorf("map key %v twice", k)
		}
		out[k] = v
	}
	return out, sub.spent()
}

// hashable reports whether k may be a key of a Go map.
func hashable(k any) bool {
	switch k.(type) {
	case []byte, List, Map, Array, Described:
		return false
	}
	return true
}

func (d *decoder) array(wide bool) (any, error) {
	sub, count, err := d.compound(wide)
	if err != nil {
		return nil, err
	}
	out := Array{}
	code, err := sub.uint8()
	if err != nil {
		return nil, err
	}
	described := code == 0
	var descriptor any
	if described {
		if descriptor, err = sub.descriptor(); err != nil {
			return nil, err
		}
		if code, err = sub.uint8(); err != nil {
			return nil, err
		}
	}
	for ; count > 0; count-- {
		v, err := sub.bare(code)
		if err != nil {
			return nil, err
		}
		if described {
			v = Described{Descriptor: descriptor, Value: v}
		}
		out = append(out, v)
	}
	return out, sub.spent()
}

// bareCompound writes a list, map or array and widens it to the 32-bit form
// without its constructor.
func bareCompound(b []byte, write func([]byte) ([]byte, error)) ([]byte, error) {
	item, err := write(nil)
	if err != nil {
		return b, err
	}
	switch {
	case item[0] == 0x45:
		return append(b, 0, 0, 0, 4, 0, 0, 0, 0), nil
	case item[0]&0x10 != 0:
		return append(b, item[1:]...), nil
	default:
		b = binary.BigEndian.AppendUint32(b, uint32(item[1])+3)
		b = append(b, 0, 0, 0, item[2])
		return append(b, item[3:]...), nil
	}
}

// openCompound leaves room for the constructor, size and count of a list, map
// or array; closeCompound fills them in, in the 8-bit form when it fits.
func openCompound(b []byte) ([]byte, int) {
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0), len(b)
}

func closeCompound(b []byte, start int, kind byte, count int) []byte {
	const wide, narrow = 9, 3
	size := len(b) - start - wide
	if size+1 <= math.MaxUint8 && count <= math.MaxUint8 {
		copy(b[start+narrow:], b[start+wide:])
		b = b[:len(b)-(wide-narrow)]
		b[start], b[start+1], b[start+2] = kind, byte(size+1), byte(count)
		return b
	}
	b[start] = kind | 0x10
	binary.BigEndian.PutUint32(b[start+1:], uint32(size+4))
	binary.BigEndian.PutUint32(b[start+5:], uint32(count))
	return b
}

func appendList(b []byte, v List, depth int) ([]byte, error) {
	if len(v) == 0 {
		return append(b, 0x45), nil
	}
	b, start := openCompound(b)
	var err error
	for _, item := range v {
		if b, err = appendValue(b, item, depth+1); err != nil {
			return b, err
		}
	}
	return closeCompound(b, start, 0xc0, len(v)), nil
}

func appendMap(b []byte, v Map, depth int) ([]byte, error) {
	type pair struct{ begin, end int }
	var room [16]pair
	pairs := room[:0]
	b, start := openCompound(b)
	content := len(b)
	for k, item := range v {
		if !hashable(k) {
			return b, fmt.Errorf("amqp: map key of type %T", k)
		}
		begin := len(b)
		var err error
		if b, err = appendValue(b, k, depth+1); err != nil {
			return b, err
		}
		if b, err = appendValue(b, item, depth+1); err != nil {
			return b, err
		}
		pairs = append(pairs, pair{begin, len(b)})
	}
	sort.Slice(pairs, func(i, j int) bool {
		x, y := pairs[i], pairs[j]
		return bytes.Compare(b[x.begin:x.end], b[y.begin:y.end]) < 0
	})
	end := len(b)
	for _, p := range pairs {
		b = append(b, b[p.begin:p.end]...)
	}
	copy(b[content:], b[end:])
	return closeCompound(b[:end], start, 0xc1, 2*len(v)), nil
}

func appendArray(b []byte, v Array, depth int) ([]byte, error) {
	b, start := openCompound(b)
	if len(v) == 0 {
		return closeCompound(append(b, 0x40), start, 0xe0, 0), nil
	}
	first, described := v[0].(Described)
	sample := v[0]
	if described {
		var err error
		if b, err = appendDescriptor(append(b, 0), first.Descriptor); err != nil {
			return b, err
		}
		sample = first.Value
	}
	code, err := wideCode(sample)
	if err != nil {
		return b, err
	}
	b = append(b, code)
	for _, item := range v {
		if described {
			d, ok := item.(Described)
			if !ok || d.Descriptor != first.Descriptor {
				return b, fmt.Errorf("amqp: array of %v holds %v", first.Descriptor, item)
			}
			item = d.Value
		}
		if c, err := wideCode(item); err != nil || c != code {
			return b, fmt.Errorf("amqp: array of %T holds %T", sample, item)
		}
		if b, err = appendBare(b, code, item, depth+1); err != nil {
			return b, err
		}
	}
	return closeCompound(b, start, 0xe0, len(v)), nil
}
