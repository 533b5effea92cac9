package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Marshal encodes one value in its shortest form. It fails on a Go type that
// the package table does not name, on an array of mixed types, and on nesting
// deeper than what Unmarshal would take.
func Marshal(v any) ([]byte, error) {
	return appendValue(nil, v, 0)
}

func appendValue(b []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, fmt.Errorf("amqp: value nests deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(b, 0x40), nil
	case bool:
		return appendBool(b, v), nil
	case uint32:
		return appendUint32(b, v), nil
	case uint64:
		return appendUint64(b, v), nil
	case int32:
		if v >= math.MinInt8 && v <= math.MaxInt8 {
			return append(b, 0x54, byte(v)), nil
		}
	case int:
		return appendValue(b, int64(v), depth)
	case int64:
		if v >= math.MinInt8 && v <= math.MaxInt8 {
			return append(b, 0x55, byte(v)), nil
		}
	case []byte:
		return appendBinary(b, v), nil
	case string:
		return appendString(b, v), nil
	case Symbol:
		return appendSymbol(b, v), nil
	case List:
		return appendList(b, v, depth)
	case Map:
		return appendMap(b, v, depth)
	case Array:
		return appendArray(b, v, depth)
	case Described:
		return appendDescribed(b, v, depth)
	}
	code, err := wideCode(v)
	if err != nil {
		return b, err
	}
	return appendBare(append(b, code), code, v, depth)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0x41)
	}
	return append(b, 0x42)
}

func appendUint32(b []byte, v uint32) []byte {
	switch {
	case v == 0:
		return append(b, 0x43)
	case v <= math.MaxUint8:
		return append(b, 0x52, byte(v))
	}
	return binary.BigEndian.AppendUint32(append(b, 0x70), v)
}

func appendUint64(b []byte, v uint64) []byte {
	switch {
	case v == 0:
		return append(b, 0x44)
	case v <= math.MaxUint8:
		return append(b, 0x53, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0x80), v)
}

func appendSize(b []byte, kind byte, n int) []byte {
	if n <= math.MaxUint8 {
		return append(b, 0xa0|kind, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xb0|kind), uint32(n))
}

func appendBinary(b, v []byte) []byte        { return append(appendSize(b, 0x0, len(v)), v...) }
func appendString(b []byte, v string) []byte { return append(appendSize(b, 0x1, len(v)), v...) }
func appendSymbol(b []byte, v Symbol) []byte { return append(appendSize(b, 0x3, len(v)), v...) }

func appendDescribed(b []byte, v Described, depth int) ([]byte, error) {
	b, err := appendDescriptor(append(b, 0), v.Descriptor)
	if err != nil {
		return b, err
	}
	return appendValue(b, v.Value, depth+1)
}

func appendDescriptor(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case uint64:
		return appendUint64(b, v), nil
	case Symbol:
		return appendSymbol(b, v), nil
	}
	return b, fmt.Errorf("amqp: descriptor of type %T", v)
}
