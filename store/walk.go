package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strconv"
)

// walker reads the tree of a file page by page.
type walker struct {
	ctx      context.Context
	f        io.ReaderAt
	meta     boltMeta
	seen     []uint64 // one bit per page
	n        int64
	branches bool // leaves below a branch are not read
	tell     func(Progress)
}

func newWalker(ctx context.Context, f io.ReaderAt, size int64) (*walker, error) {
	m, err := newestMeta(f, size)
	if err != nil {
		return nil, err
	}
	if size > maxFile {
		return nil, damaged("file of %d bytes is larger than this machine can map", size)
	}
	if int64(m.pgid) > size/int64(m.pageSize) {
		return nil, damaged("file ends at byte %d, before page %d", size, m.pgid)
	}
	return &walker{ctx: ctx, f: f, meta: m, seen: make([]uint64, m.pgid/64+1), tell: func(Progress) {}}, nil
}

// prereadMax is how large a file is read ahead: beyond it the pages would push
// others out of a small machine's memory.
const prereadMax = 256 << 20

// preread brings the file into the kernel's memory in its order: the walk, and
// bbolt's after it, go from page to page, and a card serves those one at a time.
func (w *walker) preread() {
	end := int64(w.meta.pgid) * filePage
	if end > prereadMax {
		return
	}
	b := make([]byte, 256<<10)
	for at := int64(0); at < end && w.ctx.Err() == nil; at += int64(len(b)) {
		if _, err := w.f.ReadAt(b, at); err != nil {
			return // the walk meets it where it matters
		}
	}
}

// page reads page id with its overflow pages, and sees that no page is used twice.
func (w *walker) page(id uint64) ([]byte, error) {
	if w.n++; w.n%256 == 0 {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		w.tell(Progress{"checking the file", w.n * filePage, int64(w.meta.pgid) * filePage})
	}
	if id < 2 || id >= w.meta.pgid { // before it is read
		return nil, damaged("page %d lies outside the %d pages in use", id, w.meta.pgid)
	}
	b := make([]byte, filePage)
	if _, err := w.f.ReadAt(b, int64(id)*filePage); err != nil {
		return nil, unreadable(id, err)
	}
	e := binary.NativeEndian
	over := uint64(e.Uint32(b[12:]))
	if e.Uint64(b) != id || id+over >= w.meta.pgid {
		return nil, damaged("page %d calls itself %d, with %d more", id, e.Uint64(b), over)
	}
	for p := id; p <= id+over; p++ {
		if err := w.take(p); err != nil {
			return nil, err
		}
	}
	if over > 0 {
		b = append(b, make([]byte, over*filePage)...)
		if _, err := w.f.ReadAt(b[filePage:], int64(id+1)*filePage); err != nil {
			return nil, unreadable(id, err)
		}
	}
	return b, nil
}

// take notes that page id is in use.
func (w *walker) take(id uint64) error {
	switch bit := uint64(1) << (id % 64); {
	case id < 2 || id >= w.meta.pgid:
		return damaged("page %d lies outside the %d pages in use", id, w.meta.pgid)
	case w.seen[id/64]&bit != 0:
		return damaged("page %d is used twice", id)
	default:
		w.seen[id/64] |= bit
		return nil
	}
}

// spot is where a page hangs in the tree.
type spot struct {
	id     uint64
	lo, hi []byte // its keys are lo or behind it, and before hi; nil = any
	below  bool   // a branch leads to it
	top    bool   // in the bucket of buckets
}

func (at *spot) String() string { return "page " + strconv.FormatUint(at.id, 10) }

// tree walks the pages of all buckets.
func (w *walker) tree() error {
	for todo := []spot{{id: w.meta.root, top: true}}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b, err := w.page(at.id)
		if err != nil {
			return err
		}
		var more []spot
		switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
		case pageLeaf:
			more, err = w.leaf(b, &at)
		case pageBranch:
			more, err = w.branch(b, &at)
		default:
			err = damaged("%s has flags %#x", &at, flags)
		}
		if err != nil {
			return err
		}
		todo = append(todo, more...)
	}
	return nil
}

// branch checks a branch page and returns the pages it leads to, as far as they
// are to be read.
func (w *walker) branch(b []byte, at *spot) ([]spot, error) {
	e := binary.NativeEndian
	count := int(e.Uint16(b[10:]))
	if count == 0 || pageHeader+count*elementSize > len(b) {
		return nil, damaged("%s has %d elements in %d bytes", at, count, len(b))
	}
	more := make([]spot, 0, count)
	var keys keyOrder
	for i := range count {
		el := b[pageHeader+i*elementSize:]
		pos, klen := uint64(e.Uint32(el)), uint64(e.Uint32(el[4:]))
		if klen == 0 || pos+klen > uint64(len(el)) {
			return nil, damaged("element %d of %s leaves it", i, at)
		}
		k := el[pos : pos+klen]
		if !keys.next(k, at) {
			return nil, damaged("key %d of %s is out of order", i, at)
		}
		if i > 0 {
			more[i-1].hi = k
		}
		more = append(more, spot{id: e.Uint64(el[8:]), lo: k, hi: at.hi, below: true, top: at.top})
	}
	if !w.branches || at.top {
		return more, nil
	}
	if leaf, err := w.isLeaf(more[0].id); err != nil || !leaf {
		return more, err
	}
	for _, m := range more {
		if err := w.take(m.id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// isLeaf looks at one page: all of a level are alike.
func (w *walker) isLeaf(id uint64) (bool, error) {
	b := make([]byte, pageHeader)
	if id >= w.meta.pgid {
		return false, damaged("page %d lies outside the %d pages in use", id, w.meta.pgid)
	}
	if _, err := w.f.ReadAt(b, int64(id)*filePage); err != nil {
		return false, unreadable(id, err)
	}
	return binary.NativeEndian.Uint16(b[8:]) == pageLeaf, nil
}

// leaf checks a leaf page and returns the roots of the buckets in it.
func (w *walker) leaf(b []byte, at *spot) (more []spot, err error) {
	e := binary.NativeEndian
	count := int(e.Uint16(b[10:]))
	if pageHeader+count*elementSize > len(b) || count == 0 && at.below {
		return nil, damaged("%s has %d elements in %d bytes", at, count, len(b))
	}
	var keys keyOrder
	for i := range count {
		el := b[pageHeader+i*elementSize:]
		pos, klen, vlen := uint64(e.Uint32(el[4:])), uint64(e.Uint32(el[8:])), uint64(e.Uint32(el[12:]))
		if klen == 0 || pos+klen+vlen > uint64(len(el)) {
			return nil, damaged("element %d of %s leaves it", i, at)
		}
		k, v := el[pos:pos+klen], el[pos+klen:pos+klen+vlen]
		if !keys.next(k, at) {
			return nil, damaged("key %d of %s is out of order", i, at)
		}
		if e.Uint32(el)&leafBucket == 0 {
			continue
		}
		if len(v) < pageHeader {
			return nil, damaged("bucket in %s is cut", at)
		}
		if root := e.Uint64(v); root != 0 {
			more = append(more, spot{id: root})
		} else if len(v) < 2*pageHeader || e.Uint16(v[pageHeader+8:]) != pageLeaf {
			return nil, damaged("bucket in %s is cut", at)
		} else if _, err := w.leaf(v[pageHeader:], &spot{id: at.id}); err != nil {
			return nil, err
		}
	}
	return more, nil
}

// keyOrder sees that the keys of a page ascend, within what its parent grants.
type keyOrder struct{ last []byte }

func (o *keyOrder) next(k []byte, at *spot) bool {
	ok := bytes.Compare(o.last, k) < 0 && bytes.Compare(at.lo, k) <= 0 && (at.hi == nil || bytes.Compare(k, at.hi) < 0)
	o.last = k
	return ok
}
