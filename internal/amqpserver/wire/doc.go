// Package wire turns AMQP 1.0 bytes into Go values and back: the type system,
// the frame bodies of the transport and of SASL, termini, delivery states, and
// the sections of a message. It knows bytes only; what a frame means is the
// engine's business (package amqpserver).
//
// In the order they are met: FrameReader cuts a stream into frames, ParseBody
// makes an Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close
// or one of the SASL bodies of it, AppendFrame goes the other way, and Message
// with ParseMessage holds what the frames of one delivery carried.
//
// # Values
//
// An AMQP value decodes to exactly one Go type, and that Go type encodes to the
// same AMQP type again:
//
//	null        nil                     timestamp   time.Time (milliseconds, UTC)
//	boolean     bool                    uuid        UUID
//	ubyte       uint8                   binary      []byte
//	ushort      uint16                  string      string
//	uint        uint32                  symbol      Symbol (not a string)
//	ulong       uint64                  list        List
//	byte        int8                    map         Map
//	short       int16                   array       Array
//	int         int32                   described   Described
//	long        int64                   decimal     Decimal32, Decimal64, Decimal128 (opaque)
//	float       float32                 char        Char
//	double      float64
//
// Go's int is encoded as a long.
//
// # Limits
//
// Everything here may be fed with a stranger's bytes. A value nests at most 32
// levels deep, one call decodes at most 131072 values, nothing is allocated by
// a number that was merely announced, and map keys must be scalars other than
// binary. Map keeps no order: a map is encoded sorted by its encoded keys.
package wire
