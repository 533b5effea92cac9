package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	blockVersion = 2
	blockRaw     = 4 << 10 // bytes of records put into one block
	blockStored  = 980     // bytes of a stored block: four and their keys fill a page, and bbolt splits no leaf of four
	blockRecords = 1 << 10 // records of one block
	blockKeyLen  = keyLen + 2
	// blockOverhead is what a block costs beside its value: its key and bbolt's leaf element.
	blockOverhead = blockKeyLen + 16
)

const (
	packed  = 1 // zstd
	retried = 2 // it holds a record put back: the watermark may have passed it
)

// Every value carries a checksum, because bbolt has none on its data pages. It
// covers the key too, and the tag of what the value is: a page that is read
// without its tree around it tells what it held.
const (
	tagBlock   = 'b'
	tagDead    = 'd'
	tagLedger  = 'l'
	tagJournal = 'j'
	tagBoots   = 't'
	tagMeta    = 'm'
)

func checksum(tag byte, key, content []byte) uint32 {
	c := crc32.Update(0, castagnoli, []byte{tag})
	return crc32.Update(crc32.Update(c, castagnoli, key), castagnoli, content)
}

// seal puts the checksum into the first four bytes of value.
func seal(tag byte, key, value []byte) []byte {
	binary.BigEndian.PutUint32(value, checksum(tag, key, value[4:]))
	return value
}

// unseal returns what follows the checksum.
func unseal(tag byte, key, value []byte) ([]byte, error) {
	if len(value) < 4 || binary.BigEndian.Uint32(value) != checksum(tag, key, value[4:]) {
		return nil, fmt.Errorf("%w: checksum", errDamaged)
	}
	return value[4:], nil
}

// blockHead is what a block tells without being unpacked.
type blockHead struct {
	key                // of its first record
	n          int     // records
	last       uint64  // sequence of its last record
	store      [8]byte // identity of all its records
	epoch      uint32
	flags      byte
	rawLen     int
	txn        uint64 // of the commit that wrote it
	ackRun     uint32 // the watermark of the class: what is not after it is settled
	ackSeq     uint64
	data       []byte
	storedSize int
}

func blockKey(first key, n int, run uint32) []byte {
	return binary.BigEndian.AppendUint16(first.bytes(run), uint16(n))
}

func parseBlockKey(b []byte, run uint32) (k key, n int, ok bool) {
	if len(b) != blockKeyLen {
		return key{}, 0, false
	}
	k, ok = parseKey(b[:keyLen], run)
	n = int(binary.BigEndian.Uint16(b[keyLen:]))
	return k, n, ok && n > 0 && k.class != Debug
}

// encodeBlock packs the records of raw, which encodeRecords wrote, and returns key and value.
func (c *compressor) encodeBlock(h blockHead, raw []byte, run uint32) (k, v []byte, err error) {
	k = blockKey(h.key, h.n, run)
	v = append(c.block[:0], 0, 0, 0, 0, blockVersion, 0)
	v = append(v, h.store[:]...)
	v = binary.AppendUvarint(v, uint64(h.epoch))
	v = binary.AppendUvarint(v, h.last-h.seq)
	v = binary.AppendUvarint(v, h.txn)
	v = binary.AppendUvarint(v, uint64(h.ackRun))
	v = binary.AppendUvarint(v, h.ackSeq)
	v = binary.AppendUvarint(v, uint64(len(raw)))
	head := len(v)
	if v, err = c.pack(v, raw); err != nil {
		return nil, nil, err
	}
	v[5] = h.flags | packed
	if len(v)-head >= len(raw) {
		v = append(v[:head], raw...)
		v[5] = h.flags
	}
	if cap(v) <= 4*blockRaw {
		c.block = v
	}
	return k, seal(tagBlock, k, bytes.Clone(v)), nil
}

// parseBlock reads the head of a block, whose checksum must be right.
func parseBlock(k, v []byte, run uint32) (blockHead, error) {
	first, n, ok := parseBlockKey(k, run)
	if !ok {
		return blockHead{}, fmt.Errorf("block: %w: key %x", errDamaged, k)
	}
	h := blockHead{key: first, n: n, last: first.seq + uint64(n) - 1, storedSize: len(v) + blockOverhead}
	b, err := unseal(tagBlock, k, v)
	if err != nil {
		return h, fmt.Errorf("block: %w", err)
	}
	d := decoder{b: b}
	if version := d.byte(); version != blockVersion {
		return h, fmt.Errorf("block: %w: version %d", errDamaged, version)
	}
	h.flags = d.byte()
	copy(h.store[:], d.take(8))
	h.epoch = uint32(d.uvarint())
	last := first.seq + d.uvarint()
	h.txn = d.uvarint()
	h.ackRun, h.ackSeq, h.rawLen = uint32(d.uvarint()), d.uvarint(), int(d.uvarint())
	if d.err != nil || last < h.last || h.rawLen < 0 || h.rawLen > 2*maxRecord {
		return h, fmt.Errorf("block: %w: head", errDamaged)
	}
	h.last, h.data = last, d.b
	return h, nil
}

// decodeBlock reads the records of a block. They share no memory with v, but the
// bodies share one buffer: who keeps one keeps all.
func (c *compressor) decodeBlock(k, v []byte, run uint32) (h blockHead, recs []Record, err error) {
	if h, err = parseBlock(k, v, run); err != nil {
		return h, nil, err
	}
	raw, err := c.unpackBlock(&h)
	if err != nil {
		return h, nil, err
	}
	recs = make([]Record, h.n)
	var size int
	if err := decodeRecords(raw, &h, newSeen(), func(i int) (*Record, *int) { return &recs[i], &size }); err != nil {
		return h, nil, err
	}
	return h, recs, nil
}

// unpackBlock returns the encoded records of a block, in memory of their own, and
// drops those that h points to.
func (c *compressor) unpackBlock(h *blockHead) (raw []byte, err error) {
	data := h.data
	h.data = nil
	if h.flags&packed == 0 {
		raw = bytes.Clone(data)
	} else if raw, err = c.unpack(data, h.rawLen); err != nil {
		return nil, fmt.Errorf("block: %w: %w", errDamaged, err)
	}
	if len(raw) != h.rawLen || h.n > len(raw) {
		return nil, fmt.Errorf("block: %w: %d bytes of %d", errDamaged, len(raw), h.rawLen)
	}
	return raw, nil
}
