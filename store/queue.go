package store

import (
	"slices"
	"time"

	"fieldpost/internal/clock"
)

type state byte

const (
	free    state = iota // may be handed out
	leased               // in exactly one lease
	claimed              // being evicted by the commit under way
	gone                 // settled or lost; its data is dropped
	buried               // a dead letter that is not on disk yet
)

type place byte

const (
	nowhere place = iota
	inMem
	inBack
)

// entry is a record that is in memory. A record on disk that nobody has asked
// for has none.
type entry struct {
	key
	rec        Record
	size       int           // as stored, with overhead
	mem        int           // bytes counted in Store.memBytes, beside those of slab
	at         time.Duration // Store.now at append
	state      state
	place      place
	onDisk     bool
	blk        *block // where it is on disk
	slab       *slab  // what it was read in; nil = it is in memory of its own
	committing bool   // in the transaction under way
	counted    bool   // in Store.dirtyLen
	receipt    *receipt
}

// slab is the memory that the records read from one block share. It counts as
// used until the last of them is dropped.
type slab struct {
	left int // records
	mem  int // bytes counted in Store.memBytes
}

// receipt is what the Tickets of one Append wait for.
type receipt struct {
	left int
	err  error
	done chan struct{}
}

func (e *entry) resolve(err error) {
	r := e.receipt
	if r == nil {
		return
	}
	e.receipt = nil
	if r.err == nil {
		r.err = err
	}
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// list keeps entries in the order of their keys. Entries that are no longer free
// stay in it until they come to the front.
type list struct {
	items []*entry
	head  int
}

func (l *list) front() *entry {
	if l.head == len(l.items) {
		return nil
	}
	return l.items[l.head]
}

func (l *list) popFront() *entry {
	e := l.items[l.head]
	l.items[l.head] = nil
	l.head++
	if l.head == len(l.items) {
		l.items, l.head = l.items[:0], 0
	} else if l.head > 64 && l.head > len(l.items)/2 {
		l.items = slices.Delete(l.items, 0, l.head)
		l.head = 0
	}
	return e
}

func (l *list) popBack() *entry {
	n := len(l.items) - 1
	e := l.items[n]
	l.items[n] = nil
	l.items = l.items[:n]
	if l.head == n {
		l.items, l.head = l.items[:0], 0
	}
	return e
}

func (l *list) last() *entry { return l.items[len(l.items)-1] }

func (l *list) live() []*entry { return l.items[l.head:] }

func (l *list) insert(e *entry) {
	n := len(l.items)
	if n == l.head || l.items[n-1].less(e.key) {
		l.items = append(l.items, e)
		return
	}
	i, _ := slices.BinarySearchFunc(l.live(), e.key, func(x *entry, k key) int {
		switch {
		case x.less(k):
			return -1
		case k.less(x.key):
			return 1
		}
		return 0
	})
	l.items = slices.Insert(l.items, l.head+i, e)
}

// queue is one class. A queued record is in exactly one of: mem (not on disk, or
// just committed and still at hand), back (read from disk, or released), a lease,
// or on disk only; the last are those after cursor that are not in memory.
type queue struct {
	next      uint64 // sequence of the next record
	mem, back list
	dirty     list   // not on disk, in order of append
	cursor    key    // the last key read from disk
	moves     int    // counts calls of unread
	exhausted bool   // nothing on disk only is left
	held      uint64 // records in memory that are on disk
	cached    int    // bytes of mem that are on disk
	backBytes int

	stats  ClassStats
	disk   onDisk
	oldest clock.Stamp // of the first record on disk
}

// onDisk counts what lies in the file.
type onDisk struct {
	Count uint64 // records not settled
	Raw   int64  // of these, before packing
	Bytes int64  // of the blocks, those included of which nothing is left
}

func (d *onDisk) more(n uint64, raw int) {
	d.Count += n
	d.Raw += int64(raw)
}

func (d *onDisk) less(n uint64, raw int) {
	d.Count -= min(n, d.Count)
	d.Raw = max(d.Raw-int64(raw), 0)
}

// unread says that k is on disk only from now on.
func (q *queue) unread(k key) {
	q.moves++
	q.exhausted = false
	if !q.cursor.less(k) {
		q.cursor = k
		q.cursor.seq--
	}
}

// put places a free entry where Next finds it.
func (q *queue) put(e *entry) {
	if m := q.mem.front(); !e.onDisk || m != nil && m.less(e.key) {
		e.place = inMem
		q.mem.insert(e)
		if e.onDisk {
			q.cached += e.size
		}
		return
	}
	e.place = inBack
	q.back.insert(e)
	q.backBytes += e.size
}

// leave undoes the accounting of put; the list forgets e when it comes to the front.
func (q *queue) leave(e *entry) {
	switch {
	case e.place == inBack:
		q.backBytes -= e.size
	case e.place == inMem && e.onDisk:
		q.cached -= e.size
	}
	e.place = nowhere
}

// tidy drops what is no longer free from the fronts.
func (q *queue) tidy() {
	for e := q.mem.front(); e != nil && e.place != inMem; e = q.mem.front() {
		q.mem.popFront()
	}
	for e := q.back.front(); e != nil && e.place != inBack; e = q.back.front() {
		q.back.popFront()
	}
	for e := q.dirty.front(); e != nil && !e.committing && (e.state >= gone || e.onDisk); e = q.dirty.front() {
		q.dirty.popFront()
	}
}

// head is the entry that Next takes first, or nil. read says that the disk must
// be asked before that can be told.
func (q *queue) head(live, open bool) (e *entry, read bool) {
	q.tidy()
	m, b := q.mem.front(), q.back.front()
	switch {
	case live && m != nil:
		return m, false
	case open && !q.exhausted && (b == nil || q.cursor.less(b.key)):
		return nil, true
	case b == nil:
		return m, false
	case m == nil || b.less(m.key):
		return b, false
	}
	return m, false
}
