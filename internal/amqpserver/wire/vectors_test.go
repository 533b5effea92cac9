package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The encodings of the specification, part 1, section 1.6. A vector whose shortest
// form is another is decoded only.
var values = []struct {
	hex      string
	value    any
	longForm bool
}{
	{hex: "40", value: nil},
	{hex: "41", value: true},
	{hex: "42", value: false},
	{hex: "56 01", value: true, longForm: true},
	{hex: "56 00", value: false, longForm: true},
	{hex: "50 ff", value: uint8(255)},
	{hex: "60 01 02", value: uint16(258)},
	{hex: "43", value: uint32(0)},
	{hex: "52 07", value: uint32(7)},
	{hex: "70 00 00 00 07", value: uint32(7), longForm: true},
	{hex: "70 ff ff ff ff", value: uint32(math.MaxUint32)},
	{hex: "44", value: uint64(0)},
	{hex: "53 07", value: uint64(7)},
	{hex: "80 00 00 46 8c 00 00 00 04", value: uint64(0x468C00000004)},
	{hex: "51 ff", value: int8(-1)},
	{hex: "61 ff fe", value: int16(-2)},
	{hex: "54 80", value: int32(-128)},
	{hex: "71 ff ff ff 7f", value: int32(-129)},
	{hex: "55 7f", value: int64(127)},
	{hex: "81 80 00 00 00 00 00 00 00", value: int64(math.MinInt64)},
	{hex: "72 3f c0 00 00", value: float32(1.5)},
	{hex: "82 3f f8 00 00 00 00 00 00", value: float64(1.5)},
	{hex: "73 00 01 f6 00", value: Char(0x1f600)},
	{hex: "74 01 02 03 04", value: Decimal32{1, 2, 3, 4}},
	{hex: "84 01 02 03 04 05 06 07 08", value: Decimal64{1, 2, 3, 4, 5, 6, 7, 8}},
	{hex: "94 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02", value: Decimal128{0: 1, 15: 2}},
	{hex: "83 00 00 01 31 1c 7b 8a 3c", value: time.UnixMilli(0x1311c7b8a3c).UTC()},
	{hex: "83 ff ff ff ff ff ff ff ff", value: time.UnixMilli(-1).UTC()},
	{hex: "98 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", value: UUID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	{hex: "a0 00", value: []byte{}},
	{hex: "a0 02 ca fe", value: []byte{0xca, 0xfe}},
	{hex: "b0 00 00 00 01 07", value: []byte{7}, longForm: true},
	{hex: "a1 04 67 c3 bc 6e", value: "gün"},
	{hex: "b1 00 00 00 01 78", value: "x", longForm: true},
	{hex: "a3 05 24 63 62 73 31", value: Symbol("$cbs1")},
	{hex: "b3 00 00 00 01 78", value: Symbol("x"), longForm: true},
	{hex: "45", value: List(nil)},
	{hex: "c0 01 00", value: List(nil), longForm: true},
	{hex: "c0 06 03 41 40 a1 01 78", value: List{true, nil, "x"}},
	{hex: "d0 00 00 00 05 00 00 00 01 41", value: List{true}, longForm: true},
	{hex: "c1 01 00", value: Map{}},
	{hex: "c1 07 02 a3 01 6b a1 01 76", value: Map{Symbol("k"): "v"}},
	{hex: "d1 00 00 00 08 00 00 00 02 43 a1 01 76", value: Map{uint32(0): "v"}, longForm: true},
	{hex: "e0 02 00 40", value: Array{}},
	{hex: "e0 0c 02 b1 00 00 00 01 30 00 00 00 01 31", value: Array{"0", "1"}},
	{hex: "e0 06 02 a1 01 30 01 31", value: Array{"0", "1"}, longForm: true},
	{hex: "e0 04 02 56 01 00", value: Array{true, false}},
	{hex: "e0 05 02 00 53 21 45", value: Array{Described{uint64(0x21), List(nil)}, Described{uint64(0x21), List(nil)}}, longForm: true},
	{hex: "f0 00 00 00 09 00 00 00 01 71 00 00 00 02", value: Array{int32(2)}, longForm: true},
	{hex: "00 53 24 45", value: Described{uint64(0x24), List(nil)}},
	{hex: "00 a3 03 75 72 6c a1 03 61 2f 62", value: Described{Symbol("url"), "a/b"}},
}

func TestValues(t *testing.T) {
	for _, v := range values {
		b := unhex(t, v.hex)
		got, rest, err := Unmarshal(append(bytes.Clone(b), 0xee))
		if err != nil || len(rest) != 1 || !reflect.DeepEqual(got, v.value) {
			t.Errorf("%s: %#v, %d left, %v; want %#v", v.hex, got, len(rest), err, v.value)
		}
		encoded, err := Marshal(v.value)
		if err != nil || !v.longForm && !bytes.Equal(encoded, b) {
			t.Errorf("%#v: %x, %v; want %s", v.value, encoded, err, v.hex)
		}
		if again, _, err := Unmarshal(encoded); err != nil || !reflect.DeepEqual(again, v.value) {
			t.Errorf("%#v: comes back as %#v, %v", v.value, again, err)
		}
	}
}

// Sizes around the border between the 8-bit and the 32-bit form.
func TestWidths(t *testing.T) {
	for n := 240; n < 270; n++ {
		list := List{}
		pairs := Map{}
		for i := range n {
			list = append(list, true)
			pairs[uint16(i)] = nil
		}
		for _, v := range []any{
			strings.Repeat("s", n), Symbol(strings.Repeat("s", n)), make([]byte, n), list, pairs, Array(list), List{make([]byte, n)},
			Array{List{}, list, List{true}}, Array{pairs, Map{}}, Array{Array{uint8(1)}, Array{"x"}},
		} {
			b, err := Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, rest, err := Unmarshal(b)
			if err != nil || len(rest) > 0 || !equalValues(got, v) {
				t.Fatalf("%d: %T does not come back: %v", n, v, err)
			}
		}
	}
}

// equalValues treats an empty list and none as the same.
func equalValues(a, b any) bool {
	x, err1 := Marshal(a)
	y, err2 := Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func TestBadValues(t *testing.T) {
	deep := strings.Repeat("c0 03 01 ", 200)
	for name, s := range map[string]string{
		"empty":                    "",
		"unknown constructor":      "4f",
		"unknown constructor wide": "99 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
		"short fixed":              "70 00 00",
		"short size":               "b0 00 00",
		"size beyond the end":      "b0 ff ff ff ff 00",
		"boolean of 2":             "56 02",
		"string no UTF-8":          "a1 01 ff",
		"symbol no ASCII":          "a3 02 c3 bc",
		"list of 4 Gi items":       "d0 00 00 00 04 ff ff ff ff",
		"list size below count":    "d0 00 00 00 03 00 00 00",
		"list with a rest":         "c0 03 01 41 41",
		"list too short":           "c0 02 02 41",
		"array of 4 Gi nulls":      "f0 00 00 00 05 ff ff ff ff 40",
		"array of 4 Gi trues":      "f0 00 00 00 05 ff ff ff ff 41",
		"array without type":       "e0 01 00",
		"array type described":     "e0 03 01 00 40",
		"map of odd count":         "c1 02 01 41",
		"map key a list":           "c1 03 02 45 41",
		"map key binary":           "c1 04 02 a0 00 41",
		"map key described":        "c1 06 02 00 53 01 41 41",
		"map key twice":            "c1 05 04 41 40 41 40",
		"descriptor a string":      "00 a1 01 78 40",
		"descriptor described":     "00 00 53 01 53 02 40",
		"description cut short":    "00 53 01",
		"too deep":                 deep + "40",
		"too deep in descriptions": strings.Repeat("00 53 01 ", 50) + "40",
	} {
		v, _, err := Unmarshal(unhex(t, s))
		var e *Error
		if !errors.As(err, &e) || e.Condition != CondDecodeError {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

func TestUnencodable(t *testing.T) {
	deep := any(nil)
	for range 100 {
		deep = List{deep}
	}
	for _, v := range []any{
		struct{}{}, uint(1), map[string]any{}, []any{}, Map{struct{}{}: 1}, Map{"k": struct{}{}}, List{uintptr(1)},
		Array{"a", Symbol("b")}, Array{Described{uint64(1), "a"}, "b"}, Array{Described{uint64(1), "a"}, Described{uint64(2), "b"}},
		Described{"text", nil}, Array{struct{}{}}, deep,
	} {
		if b, err := Marshal(v); err == nil {
			t.Errorf("%#v: %x", v, b)
		}
	}
}

// A list of nulls costs a byte each on the wire and sixteen in memory.
func TestValueBudget(t *testing.T) {
	nulls := bytes.Repeat([]byte{0x40}, maxValues+1)
	b := []byte{0xd0, 0, 2, 0, 5, 0, 2, 0, 1}
	if _, _, err := Unmarshal(append(b, nulls...)); err == nil {
		t.Error("more values than the budget were taken")
	}
}
