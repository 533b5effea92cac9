package store

import (
	"context"
	"encoding/binary"
	"io"
)

// scanner reads what the leaf pages of a file hold, without trusting anything but
// the checksums of the values: not the tree, nor that a page is in use.
type scanner struct {
	f    io.ReaderAt
	size int64
	use  []uint64 // one bit per page that counts; nil = all
	tell func(Progress)
	bad  int // pages that could not be read
}

// scanChunk is how much is read at a time, in bytes.
const scanChunk = 256 << 10

// run calls visit with every key and value, and where the value begins in the
// file. Both are valid during the call only.
func (sc *scanner) run(ctx context.Context, visit func(k, v []byte, at int64)) error {
	chunk := make([]byte, scanChunk)
	for from := int64(0); from < sc.size; from += scanChunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		sc.tell(Progress{"salvaging", from, sc.size})
		n, err := sc.f.ReadAt(chunk[:min(scanChunk, sc.size-from)], from)
		whole := err == nil || err == io.EOF
		for at := int64(0); at < scanChunk && from+at < sc.size; at += filePage {
			id := uint64(from+at) / filePage
			if id < 2 || sc.use != nil && (id/64 >= uint64(len(sc.use)) || sc.use[id/64]&(1<<(id%64)) == 0) {
				continue
			}
			page := chunk[at:min(at+filePage, int64(n))]
			if !whole {
				page = make([]byte, filePage)
				if m, err := sc.f.ReadAt(page, from+at); m < filePage && err != io.EOF {
					sc.bad++
					continue
				}
			}
			sc.page(page, from+at, visit)
		}
	}
	return nil
}

// page visits what a page holds. What its header says is taken as a hint: the
// first element tells as well how many there are, and the elements where the page
// ends.
func (sc *scanner) page(b []byte, at int64, visit func(k, v []byte, at int64)) {
	if len(b) < pageHeader+elementSize {
		return
	}
	e := binary.NativeEndian
	end := extent(b)
	if over := int64(e.Uint32(b[12:])); e.Uint16(b[8:]) == pageLeaf {
		end = max(end, (over+1)*filePage)
	}
	if end = (end + filePage - 1) / filePage * filePage; end > filePage && end <= 3*maxRecord && at+end <= sc.size {
		long := make([]byte, end)
		if n, _ := sc.f.ReadAt(long, at); n == len(long) {
			b = long
		}
	}
	scanLeaf(b, at, visit)
}

// elementCount is how many elements b may have, a leaf page with or without its
// overflow: the data of the first one begins where the elements end.
func elementCount(b []byte) int {
	e := binary.NativeEndian
	n := 0
	if e.Uint16(b[8:]) == pageLeaf {
		n = int(e.Uint16(b[10:]))
	}
	if pos := int64(e.Uint32(b[pageHeader+4:])); pos%elementSize == 0 && pos < filePage {
		n = max(n, int(pos/elementSize))
	}
	return n
}

// extent is where the data of the last element ends, 0 when the elements do not
// follow one another.
func extent(b []byte) int64 {
	e := binary.NativeEndian
	next := int64(0)
	for i := range elementCount(b) {
		el := pageHeader + i*elementSize
		if el+elementSize > len(b) {
			return 0
		}
		from := int64(el) + int64(e.Uint32(b[el+4:]))
		if i > 0 && from != next {
			return 0
		}
		next = from + int64(e.Uint32(b[el+8:])) + int64(e.Uint32(b[el+12:]))
	}
	return next
}

// scanLeaf visits the elements that lie within b, and those of buckets held inside
// an element.
func scanLeaf(b []byte, at int64, visit func(k, v []byte, at int64)) {
	if len(b) < pageHeader+elementSize {
		return
	}
	e := binary.NativeEndian
	for i := range elementCount(b) {
		el := pageHeader + i*elementSize
		if el+elementSize > len(b) {
			return
		}
		pos := uint64(el) + uint64(e.Uint32(b[el+4:]))
		klen, vlen := uint64(e.Uint32(b[el+8:])), uint64(e.Uint32(b[el+12:]))
		if klen == 0 || pos+klen+vlen > uint64(len(b)) {
			continue
		}
		k, v := b[pos:pos+klen], b[pos+klen:pos+klen+vlen]
		inside := at + int64(pos+klen)
		switch {
		case e.Uint32(b[el:])&leafBucket == 0:
			visit(k, v, inside)
		case len(v) >= 2*pageHeader && e.Uint64(v) == 0:
			scanLeaf(v[pageHeader:], inside+pageHeader, visit)
		}
	}
}
