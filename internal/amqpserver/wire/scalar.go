package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

func (d *decoder) fixed0(code byte) (any, error) {
	switch code {
	case 0x40:
		return nil, nil
	case 0x41:
		return true, nil
	case 0x42:
		return false, nil
	case 0x43:
		return uint32(0), nil
	case 0x44:
		return uint64(0), nil
	case 0x45:
		return List(nil), nil
	}
	return nil, errConstructor(code, "a known type")
}

func fixed1(code byte, x uint8, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x50:
		return x, nil
	case 0x51:
		return int8(x), nil
	case 0x52:
		return uint32(x), nil
	case 0x53:
		return uint64(x), nil
	case 0x54:
		return int32(int8(x)), nil
	case 0x55:
		return int64(int8(x)), nil
	case 0x56:
		return boolean(x)
	}
	return nil, errConstructor(code, "a known type")
}

func boolean(x uint8) (bool, error) {
	if x > 1 {
		return false, decodeErrorf("boolean of value %d", x)
	}
	return x == 1, nil
}

func fixed2(code byte, x uint16, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x60:
		return x, nil
	case 0x61:
		return int16(x), nil
	}
	return nil, errConstructor(code, "a known type")
}

func fixed4(code byte, x uint32, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x70:
		return x, nil
	case 0x71:
		return int32(x), nil
	case 0x72:
		return math.Float32frombits(x), nil
	case 0x73:
		return Char(x), nil
	case 0x74:
		var v Decimal32
		binary.BigEndian.PutUint32(v[:], x)
		return v, nil
	}
	return nil, errConstructor(code, "a known type")
}

func fixed8(code byte, x uint64, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x80:
		return x, nil
	case 0x81:
		return int64(x), nil
	case 0x82:
		return math.Float64frombits(x), nil
	case 0x83:
		return time.UnixMilli(int64(x)).UTC(), nil
	case 0x84:
		var v Decimal64
		binary.BigEndian.PutUint64(v[:], x)
		return v, nil
	}
	return nil, errConstructor(code, "a known type")
}

func (d *decoder) fixed16(code byte) (any, error) {
	b, err := d.take(16)
	if err != nil {
		return nil, err
	}
	switch code {
	case 0x94:
		return Decimal128(b), nil
	case 0x98:
		return UUID(b), nil
	}
	return nil, errConstructor(code, "a known type")
}

func (d *decoder) text(code byte) (any, error) {
	b, err := d.variable(code)
	if err != nil {
		return nil, err
	}
	switch code & 0x0f {
	case 0x0:
		return append(make([]byte, 0, len(b)), b...), nil
	case 0x1:
		return toString(b)
	case 0x3:
		return toSymbol(b)
	}
	return nil, errConstructor(code, "a known type")
}

func toString(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", decodeErrorf("string is not UTF-8")
	}
	return string(b), nil
}

func toSymbol(b []byte) (Symbol, error) {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return "", decodeErrorf("symbol is not ASCII")
		}
	}
	return Symbol(b), nil
}

// wideCode returns the constructor that fits every value of v's type.
func wideCode(v any) (byte, error) {
	switch v.(type) {
	case nil:
		return 0x40, nil
	case bool:
		return 0x56, nil
	case uint8:
		return 0x50, nil
	case uint16:
		return 0x60, nil
	case uint32:
		return 0x70, nil
	case uint64:
		return 0x80, nil
	case int8:
		return 0x51, nil
	case int16:
		return 0x61, nil
	case int32:
		return 0x71, nil
	case int64, int:
		return 0x81, nil
	case float32:
		return 0x72, nil
	case float64:
		return 0x82, nil
	case Char:
		return 0x73, nil
	case Decimal32:
		return 0x74, nil
	case Decimal64:
		return 0x84, nil
	case Decimal128:
		return 0x94, nil
	case time.Time:
		return 0x83, nil
	case UUID:
		return 0x98, nil
	case []byte:
		return 0xb0, nil
	case string:
		return 0xb1, nil
	case Symbol:
		return 0xb3, nil
	case List:
		return 0xd0, nil
	case Map:
		return 0xd1, nil
	case Array:
		return 0xf0, nil
	}
	return 0, fmt.Errorf("amqp: no AMQP type for %T", v)
}

// appendBare writes v without its constructor, in the form of wideCode.
func appendBare(b []byte, code byte, v any, depth int) ([]byte, error) {
	be := binary.BigEndian
	switch v := v.(type) {
	case nil:
		return b, nil
	case bool:
		if v {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case uint8:
		return append(b, v), nil
	case int8:
		return append(b, byte(v)), nil
	case uint16:
		return be.AppendUint16(b, v), nil
	case int16:
		return be.AppendUint16(b, uint16(v)), nil
	case uint32:
		return be.AppendUint32(b, v), nil
	case int32:
		return be.AppendUint32(b, uint32(v)), nil
	case uint64:
		return be.AppendUint64(b, v), nil
	case int64:
		return be.AppendUint64(b, uint64(v)), nil
	case int:
		return be.AppendUint64(b, uint64(int64(v))), nil
	case float32:
		return be.AppendUint32(b, math.Float32bits(v)), nil
	case float64:
		return be.AppendUint64(b, math.Float64bits(v)), nil
	case Char:
		return be.AppendUint32(b, uint32(v)), nil
	case Decimal32:
		return append(b, v[:]...), nil
	case Decimal64:
		return append(b, v[:]...), nil
	case Decimal128:
		return append(b, v[:]...), nil
	case time.Time:
		return be.AppendUint64(b, uint64(v.UnixMilli())), nil
	case UUID:
		return append(b, v[:]...), nil
	case []byte:
		return append(be.AppendUint32(b, uint32(len(v))), v...), nil
	case string:
		return append(be.AppendUint32(b, uint32(len(v))), v...), nil
	case Symbol:
		return append(be.AppendUint32(b, uint32(len(v))), v...), nil
	case List:
		return bareCompound(b, func(b []byte) ([]byte, error) { return appendList(b, v, depth) })
	case Map:
		return bareCompound(b, func(b []byte) ([]byte, error) { return appendMap(b, v, depth) })
	case Array:
		return bareCompound(b, func(b []byte) ([]byte, error) { return appendArray(b, v, depth) })
	}
	return b, fmt.Errorf("amqp: %T has no form for constructor 0x%02x", v, code)
}
