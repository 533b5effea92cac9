package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
)

// bbolt walks a file without a synced freelist on a goroutine of its own, where a
// panic or a fault of the mapping cannot be recovered. So nothing is given to it
// that was not walked here first, with plain reads.

const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	noFreelist   = ^uint64(0)
	pageHeader   = 16
	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageMeta     = 0x04
	pageFreelist = 0x10
	leafBucket   = 0x01
	elementSize  = 16 // of branch and leaf pages alike
)

type boltMeta struct {
	pageSize             uint32
	root, freelist, pgid uint64
	txid                 uint64
}

// preflight tells whether bbolt can be trusted with the file: its newest valid
// meta page, and either its freelist page or, without one, every page in use.
func preflight(ctx context.Context, f io.ReaderAt, size int64, tell func(Progress)) error {
	w, err := newWalker(ctx, f, size)
	if err != nil {
		return err
	}
	if w.meta.freelist != noFreelist {
		return w.freelist()
	}
	w.tell = tell
	w.preread()
	return w.tree(w.meta.root)
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

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

func newestMeta(f io.ReaderAt, size int64) (boltMeta, error) {
	var best boltMeta
	found := false
	for i := range int64(2) {
		b := make([]byte, 80)
		if size < filePage*2 {
			break
		}
		if _, err := f.ReadAt(b, i*filePage); err != nil {
			return best, fmt.Errorf("read meta page %d: %w", i, err)
		}
		if m, ok := parseMeta(b); ok && (!found || m.txid > best.txid) {
			best, found = m, true
		}
	}
	if !found {
		return best, damaged("no meta page of a queue in its first %d bytes", min(size, filePage*2))
	}
	return best, nil
}

func parseMeta(b []byte) (boltMeta, bool) {
	e := binary.NativeEndian
	h := fnv.New64a()
	h.Write(b[pageHeader : pageHeader+56])
	m := boltMeta{
		pageSize: e.Uint32(b[24:]),
		root:     e.Uint64(b[32:]), freelist: e.Uint64(b[48:]), pgid: e.Uint64(b[56:]), txid: e.Uint64(b[64:]),
	}
	ok := e.Uint16(b[8:])&pageMeta != 0 && e.Uint32(b[16:]) == boltMagic && e.Uint32(b[20:]) == boltVersion &&
		e.Uint64(b[72:]) == h.Sum64() && m.pageSize == filePage && m.root < m.pgid && m.pgid < uint64(maxFile/filePage)
	return m, ok
}

type walker struct {
	ctx  context.Context
	f    io.ReaderAt
	meta boltMeta
	seen []uint64 // one bit per page
	n    int64
	tell func(Progress)
}

// page reads page id with its overflow pages, and sees that no page is used twice.
func (w *walker) page(id uint64) ([]byte, error) {
	if w.n++; w.n%256 == 0 {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		w.tell(Progress{"checking the file", w.n * filePage, int64(w.meta.pgid) * filePage})
	}
	if id < 2 || id >= w.meta.pgid {
		return nil, damaged("page %d lies outside the %d pages in use", id, w.meta.pgid)
	}
	b := make([]byte, filePage)
	if _, err := w.f.ReadAt(b, int64(id)*filePage); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	e := binary.NativeEndian
	over := uint64(e.Uint32(b[12:]))
	if e.Uint64(b) != id || id+over >= w.meta.pgid {
		return nil, damaged("page %d calls itself %d, with %d more", id, e.Uint64(b), over)
	}
	for p := id; p <= id+over; p++ {
		if w.seen[p/64]&(1<<(p%64)) != 0 {
			return nil, damaged("page %d is used twice", p)
		}
		w.seen[p/64] |= 1 << (p % 64)
	}
	if over > 0 {
		b = append(b, make([]byte, over*filePage)...)
		if _, err := w.f.ReadAt(b[filePage:], int64(id+1)*filePage); err != nil {
			return nil, fmt.Errorf("read page %d: %w", id, err)
		}
	}
	return b, nil
}

func (w *walker) freelist() error {
	b, err := w.page(w.meta.freelist)
	if err != nil {
		return err
	}
	e := binary.NativeEndian
	if e.Uint16(b[8:]) != pageFreelist {
		return damaged("page %d is no freelist", w.meta.freelist)
	}
	n, at := uint64(e.Uint16(b[10:])), pageHeader
	if n == 0xFFFF {
		n, at = e.Uint64(b[at:]), at+8
	}
	if n > uint64(len(b)-at)/8 {
		return damaged("freelist of %d pages does not fit its page", n)
	}
	for i := range n {
		if id := e.Uint64(b[uint64(at)+8*i:]); id < 2 || id >= w.meta.pgid {
			return damaged("freelist names page %d of %d", id, w.meta.pgid)
		}
	}
	return nil
}

// tree walks the pages of a bucket and of the buckets in it.
func (w *walker) tree(root uint64) error {
	for todo := []uint64{root}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b, err := w.page(id)
		if err != nil {
			return err
		}
		if todo, err = w.elements(b, "page "+strconv.FormatUint(id, 10), todo); err != nil {
			return err
		}
	}
	return nil
}

// elements checks the elements of one page and adds the pages they lead to.
func (w *walker) elements(b []byte, name string, todo []uint64) ([]uint64, error) {
	e := binary.NativeEndian
	flags, count := e.Uint16(b[8:]), int(e.Uint16(b[10:]))
	if flags != pageBranch && flags != pageLeaf || pageHeader+count*elementSize > len(b) || flags == pageBranch && count == 0 {
		return nil, damaged("%s has flags %#x and %d elements in %d bytes", name, flags, count, len(b))
	}
	var last []byte
	for i := range count {
		at := pageHeader + i*elementSize
		el := b[at:]
		var pos, klen, vlen uint64
		if flags == pageBranch {
			pos, klen = uint64(e.Uint32(el)), uint64(e.Uint32(el[4:]))
			todo = append(todo, e.Uint64(el[8:]))
		} else {
			pos, klen, vlen = uint64(e.Uint32(el[4:])), uint64(e.Uint32(el[8:])), uint64(e.Uint32(el[12:]))
		}
		if klen == 0 || pos+klen+vlen > uint64(len(el)) {
			return nil, damaged("element %d of %s leaves it", i, name)
		}
		k, v := el[pos:pos+klen], el[pos+klen:pos+klen+vlen]
		if i > 0 && bytes.Compare(last, k) >= 0 {
			return nil, damaged("keys of %s are out of order", name)
		}
		last = k
		if flags == pageLeaf && e.Uint32(el)&leafBucket != 0 {
			if len(v) < pageHeader {
				return nil, damaged("bucket in %s is cut", name)
			}
			if root := e.Uint64(v); root != 0 {
				todo = append(todo, root)
			} else if len(v) < 2*pageHeader || e.Uint16(v[pageHeader+8:]) != pageLeaf {
				return nil, damaged("bucket in %s is cut", name)
			} else if _, err := w.elements(v[pageHeader:], "bucket in "+name, nil); err != nil {
				return nil, err
			}
		}
	}
	return todo, nil
}
