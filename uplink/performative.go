package uplink

import "encoding/binary"

// Constructors of AMQP values as a transfer has them (AMQP 1.0, part 1.6), beside
// those of encode.go.
const (
	amqpUint      = 0x70
	amqpUint8     = 0x52
	amqpUint0     = 0x43
	amqpTrue      = 0x41
	amqpBoolean   = 0x56
	amqpList8     = 0xc0
	amqpULong     = 0x80
	amqpULong8    = 0x53
	amqpDescribed = 0x00
)

// described splits a performative into its code and its list; the code is 0 when
// it is no such thing.
func described(b []byte) (code byte, list []byte) {
	switch {
	case len(b) >= 3 && b[0] == amqpDescribed && b[1] == amqpULong8:
		return b[2], b[3:]
	case len(b) >= 10 && b[0] == amqpDescribed && b[1] == amqpULong && binary.BigEndian.Uint64(b[2:]) < 256:
		return b[9], b[10:]
	}
	return 0, nil
}

// transferFields reads handle and more of the list of a transfer, of which b is
// the beginning. Source: AMQP 1.0 part 2, section 7.5.
func transferFields(b []byte) (handle uint32, more, ok bool) {
	var count int
	switch {
	case len(b) >= 3 && b[0] == amqpList8:
		count, b = int(b[2]), b[3:]
	case len(b) >= 9 && b[0] == amqpList32:
		count, b = int(b[8]), b[9:]
	}
	const fieldHandle, fieldMore = 0, 5
	for at := range min(count, fieldMore+1) {
		n := valueSize(b)
		if n == 0 || n > len(b) {
			return 0, false, false
		}
		switch {
		case at == fieldHandle && b[0] == amqpUint:
			handle = binary.BigEndian.Uint32(b[1:])
		case at == fieldHandle && b[0] == amqpUint8:
			handle = uint32(b[1])
		case at == fieldMore:
			more = b[0] == amqpTrue || b[0] == amqpBoolean && b[1] != 0
		}
		b = b[n:]
	}
	return handle, more, count > fieldHandle
}

// valueSize is the encoded size of the value b begins with, 0 for one that no
// field of a transfer as far as more can have.
func valueSize(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case amqpNull, amqpTrue, amqpTrue + 1, amqpUint0:
		return 1
	case amqpUint8, amqpBoolean:
		return 2
	case amqpUint:
		return 5
	case amqpBin8:
		if len(b) >= 2 {
			return 2 + int(b[1])
		}
	case amqpBin32:
		if len(b) >= 5 {
			return 5 + int(min(binary.BigEndian.Uint32(b[1:]), maxFrame))
		}
	}
	return 0
}
