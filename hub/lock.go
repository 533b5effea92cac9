package hub

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// lockToken is the GUID a delivery is locked under. Its bytes in the order
// Microsoft's runtimes keep them are the delivery tag.
type lockToken [16]byte

func newLockToken() (t lockToken) {
	rand.Read(t[:])
	t[7] = t[7]&0x0f | 0x40 // version 4, in the byte order of a tag
	t[8] = t[8]&0x3f | 0x80
	return t
}

// String returns the GUID as text. The first three groups stand in the tag as
// little-endian numbers.
func (t lockToken) String() string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x",
		binary.LittleEndian.Uint32(t[0:4]), binary.LittleEndian.Uint16(t[4:6]),
		binary.LittleEndian.Uint16(t[6:8]), t[8:10], t[10:16])
}
