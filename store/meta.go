package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"
)

// persisted is what the file says of itself, rewritten in every commit. It is
// kept below what bbolt holds inside the page of the bucket's parent, which every
// commit writes anyway. Produced is not in it: it is the sum of the rest.
type persisted struct {
	Store       [8]byte // identity of the last run
	Epoch       uint32
	Run         uint32
	Txn         uint64        // counts the commits, across files too
	Clean       bool          // the last run ended with a final commit
	CommitEvery time.Duration // of the last run
	At          time.Time     // wall time of the commit, as believed
	Classes     [Classes]persistedClass
	Reasons     map[string]uint64
	DeadLetters onDisk
	Ledger      uint64 // ID of the last entry
	Outstanding *key
	Journal     uint64 // ID of the last entry
	JournalLost time.Time
	Boot        [16]byte      // of the commit
	Powered     time.Duration // since that boot
	partial     []byte        // blocks of which some is settled, as partials wrote them
	Spent       *spent        // nil when the file is of an agent that did not write it down
	Thinned     []key         // how far each class was thinned, those that were
}

type persistedClass struct {
	onDisk    // queued
	Delivered uint64
	Dead      uint64
	Lost      uint64
}

// before says that a later commit wrote q.
func (p *persisted) before(q *persisted) bool {
	return p.Run < q.Run || p.Run == q.Run && p.Txn < q.Txn
}

const (
	metaVersion = 2
	// partialMax bounds the marks of settled records that the meta record carries, in
	// bytes; blocks beyond it are written anew.
	partialMax = 400
)

func (p *persisted) encode() []byte {
	b := make([]byte, 4, 512)
	flags := byte(0)
	if p.Clean {
		flags = 1
	}
	b = append(b, metaVersion, flags)
	b = append(b, p.Store[:]...)
	num := func(n ...uint64) {
		for _, x := range n {
			b = binary.AppendUvarint(b, x)
		}
	}
	at := func(t time.Time) { b = binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond())) }
	num(uint64(p.Epoch), uint64(p.Run), p.Txn, uint64(p.CommitEvery))
	at(p.At)
	at(p.JournalLost)
	num(p.Ledger, p.Journal, p.DeadLetters.Count, uint64(p.DeadLetters.Bytes))
	o := p.Outstanding
	if o == nil {
		o = &key{}
	}
	num(uint64(o.class), uint64(o.run), o.seq)
	num(Classes)
	for c := range p.Classes {
		pc := &p.Classes[c]
		num(pc.Count, uint64(pc.Raw), uint64(pc.Bytes), pc.Delivered, pc.Dead, pc.Lost)
	}
	num(uint64(len(p.Reasons)))
	for _, r := range slices.Sorted(maps.Keys(p.Reasons)) {
		b = appendString(b, r)
		num(p.Reasons[r])
	}
	num(uint64(len(p.partial)))
	b = append(b, p.partial...)
	b = append(b, p.Boot[:]...)
	num(uint64(p.Powered))
	num(uint64(len(p.Thinned)))
	for _, k := range p.Thinned {
		num(uint64(k.class), uint64(k.run), k.seq)
	}
	if p.Spent != nil {
		num(uint64(p.Spent.today))
		b = binary.AppendVarint(b, p.Spent.allowance)
	}
	return seal(tagMeta, keyState, b)
}

// decodeMeta reads what encode wrote; fields that a later version adds at the end
// are passed over.
func decodeMeta(v []byte) (p persisted, err error) {
	b, err := unseal(tagMeta, keyState, v)
	if err != nil {
		return p, err
	}
	d := decoder{b: b}
	if version := d.byte(); version != metaVersion {
		return p, fmt.Errorf("%w: it is of format %d, this agent reads format %d", errDamaged, version, metaVersion)
	}
	p.Clean = d.byte()&1 != 0
	copy(p.Store[:], d.take(8))
	at := func() time.Time {
		sec := d.varint()
		return time.Unix(sec, int64(d.uvarint())).UTC()
	}
	p.Epoch, p.Run, p.Txn, p.CommitEvery = uint32(d.uvarint()), uint32(d.uvarint()), d.uvarint(), time.Duration(d.uvarint())
	p.At, p.JournalLost = at(), at()
	p.Ledger, p.Journal = d.uvarint(), d.uvarint()
	p.DeadLetters = onDisk{Count: d.uvarint(), Bytes: int64(d.uvarint())}
	if o := (key{Class(d.uvarint()), uint32(d.uvarint()), d.uvarint()}); o != (key{}) {
		p.Outstanding = &o
	}
	for c := range min(d.uvarint(), Classes) {
		pc := &p.Classes[c]
		pc.Count, pc.Raw, pc.Bytes = d.uvarint(), int64(d.uvarint()), int64(d.uvarint())
		pc.Delivered, pc.Dead, pc.Lost = d.uvarint(), d.uvarint(), d.uvarint()
	}
	p.Reasons = make(map[string]uint64)
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		r := d.text()
		p.Reasons[r] = d.uvarint()
	}
	p.partial = slices.Clone(d.take(d.uvarint()))
	copy(p.Boot[:], d.take(16))
	p.Powered = time.Duration(d.uvarint())
	if len(d.b) > 0 {
		for n := min(d.uvarint(), Classes); n > 0; n-- {
			p.Thinned = append(p.Thinned, key{Class(d.uvarint()), uint32(d.uvarint()), d.uvarint()})
		}
	}
	if len(d.b) > 0 {
		p.Spent = &spent{today: int64(d.uvarint()), allowance: d.varint()}
	}
	if d.err != nil {
		return p, fmt.Errorf("%w: fields of the meta record", errDamaged)
	}
	return p, nil
}

// mark is what the meta record says of a block that is settled in part.
type mark struct {
	block *block
	text  []byte
}

// marked joins the marks of the blocks that the transaction leaves as they are.
func (b *batch) marked() (out []byte) {
	for _, m := range b.marks {
		is := func(k *block) bool { return k == m.block }
		if !slices.ContainsFunc(b.removed, is) && !slices.ContainsFunc(b.recasts, func(r recast) bool { return is(r.block) }) {
			out = append(out, m.text...)
		}
	}
	return out
}

// partials writes down which blocks are settled in part, and returns those for
// which there is no room.
func (s *Store) partials() (marks []mark, loosen []*block) {
	var some []*block
	for _, b := range s.blocks {
		if b.done != nil && b.left > 0 {
			some = append(some, b)
		}
	}
	sort.Slice(some, func(i, j int) bool { return some[i].less(some[j].key) })
	size := 0
	for _, b := range slices.Backward(some) {
		run := b.run
		if run == thisRun {
			run = s.run
		}
		add := appendPartial(nil, b, run)
		if size+len(add) > partialMax {
			loosen = append(loosen, b)
			continue
		}
		size += len(add)
		marks = append(marks, mark{b, add})
	}
	return marks, loosen
}

func appendPartial(add []byte, b *block, run uint32) []byte {
	add = append(add, byte(b.class))
	add = binary.AppendUvarint(add, uint64(run))
	add = binary.AppendUvarint(add, b.seq)
	add = binary.AppendUvarint(add, uint64(b.n))
	add = binary.AppendUvarint(add, b.last-b.seq)
	add = binary.AppendUvarint(add, uint64(b.stored))
	for i := 0; i < b.n; i += 8 {
		add = append(add, byte(b.done[i/64]>>(i%64)))
	}
	return add
}

// parsePartials reads what appendPartial wrote.
func parsePartials(buf []byte) (out []*block) {
	d := decoder{b: buf}
	for len(d.b) > 0 {
		b := &block{key: key{Class(d.byte()), uint32(d.uvarint()), d.uvarint()}, n: int(d.uvarint())}
		b.last = b.seq + d.uvarint()
		b.stored = int(d.uvarint())
		bits := d.take(uint64(b.n+7) / 8)
		if d.err != nil || b.n > 1<<16 {
			return out
		}
		done := make([]uint64, (b.n+63)/64)
		for i, x := range bits {
			done[i/8] |= uint64(x) << (i % 8 * 8)
		}
		b.left = b.n
		b.mark(done)
		out = append(out, b)
	}
	return out
}
