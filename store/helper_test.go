package store

import (
	"encoding/binary"
	"hash/crc32"
)

// seal puts the checksum before content, so that damage behind it is met.
func seal(content []byte) []byte {
	b := append(make([]byte, 4), content...)
	binary.BigEndian.PutUint32(b, crc32.Checksum(content, castagnoli))
	return b
}
