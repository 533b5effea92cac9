package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
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

// preflight tells whether bbolt can be trusted with the file: its meta pages, and
// every page in use. Of a file with a freelist, which bbolt does not walk, the
// leaves are left out: one of them that is damaged is met when it is read, but a
// branch may lead bbolt in a circle, or past what there is.
func preflight(ctx context.Context, f io.ReaderAt, size int64, tell func(Progress)) error {
	w, err := newWalker(ctx, f, size)
	if err != nil {
		return err
	}
	if w.meta.freelist != noFreelist {
		if err := w.freelist(); err != nil {
			return err
		}
		w.branches = true
		return w.tree()
	}
	w.tell = tell
	w.preread()
	return w.tree()
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// unreadable is what a page is that the disk does not give: trying again would keep
// the store shut for as long as the disk refuses.
func unreadable(id uint64, err error) error {
	return fmt.Errorf("%w: read page %d: %w", errDamaged, id, err)
}

// newestMeta reads both meta pages. Both are always whole, each in its own place
// and one transaction apart: a commit writes one of them, within one sector. A
// file that has only one of them may have lost its last commit, and what came
// before it may be written over.
func newestMeta(f io.ReaderAt, size int64) (boltMeta, error) {
	var m [2]boltMeta
	if size < filePage*2 {
		return m[0], damaged("no meta pages of a queue in %d bytes", size)
	}
	for i := range m {
		b := make([]byte, 80)
		if _, err := f.ReadAt(b, int64(i)*filePage); err != nil {
			return m[0], unreadable(uint64(i), err)
		}
		var ok bool
		if m[i], ok = parseMeta(b); !ok || binary.NativeEndian.Uint64(b) != uint64(i) || m[i].txid%2 != uint64(i) {
			return m[0], damaged("meta page %d is none of a queue", i)
		}
	}
	if d := int64(m[0].txid - m[1].txid); d != 1 && d != -1 {
		return m[0], damaged("meta pages are of transactions %d and %d", m[0].txid, m[1].txid)
	}
	if m[0].txid > m[1].txid {
		return m[0], nil
	}
	return m[1], nil
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
