package store

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// sealed puts the checksum before content, so that damage behind it is met.
func sealed(content []byte) []byte {
	b := append(make([]byte, 4), content...)
	binary.BigEndian.PutUint32(b, crc32.Checksum(content, castagnoli))
	return b
}

// noise does not get smaller by packing.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}
