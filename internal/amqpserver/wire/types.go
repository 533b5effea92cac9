package wire

import "fmt"

// Symbol is an AMQP symbol: an ASCII name from a constrained domain (spec 1.6.21).
type Symbol string

// UUID is an AMQP uuid (spec 1.6.18).
type UUID [16]byte

// String returns the 8-4-4-4-12 form in lower case.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// Char is one UTF-32BE code point (spec 1.6.16).
type Char rune

// Decimal32 is an IEEE 754-2008 decimal32, carried but never interpreted.
type Decimal32 [4]byte

// Decimal64 is an IEEE 754-2008 decimal64, carried but never interpreted.
type Decimal64 [8]byte

// Decimal128 is an IEEE 754-2008 decimal128, carried but never interpreted.
type Decimal128 [16]byte

// Map is an AMQP map. Keys are scalars of the types in the package table.
type Map map[any]any

// List is an AMQP list, its items of any type.
type List []any

// Array is an AMQP array: all its items must have the same type, which becomes
// the constructor of the array. An empty array is encoded with items of type null.
type Array []any

// Described is a value with a descriptor that gives it a meaning (spec 1.2).
// The descriptor is a uint64 or a Symbol.
type Described struct {
	Descriptor any
	Value      any
}
