package store

import (
	"context"
	"io"
	"slices"
	"sort"
)

// finds is what a file that bbolt is not trusted with still holds. Every part of
// it passed its checksum.
type finds struct {
	whole   bool // the tree was walked to its end: nothing else is in use
	damaged int  // values with a wrong checksum, as far as they could be told
	state   *persisted
	every   []*piece // every copy of a block
	blocks  map[key]*piece
	dead    map[key]*piece
	ledger  map[uint64]*lossEntry
	journal map[uint64]journalRow
	marks   [Classes]key // the highest watermarks
	boots   []Boot
	txn     uint64 // the highest
	run     uint32 // the highest
}

// piece is a value in the file.
type piece struct {
	key
	n      int
	last   uint64
	txn    uint64
	ack    key // the watermark of its class when it was written
	flags  byte
	at     int64
	length int
}

// scan reads what f holds: what its tree leads to when nothing of that is damaged,
// else every page, for an older copy of what is. Then blocks that a watermark has
// passed, and those that a later commit wrote anew, are left out; so is what was
// written behind commit upTo, the last one that is known to have come to its end; 0
// when that is not known.
func scan(ctx context.Context, f io.ReaderAt, size int64, upTo uint64, tell func(Progress)) (*finds, error) {
	if w, err := newWalker(ctx, f, size); err == nil && w.tree() == nil {
		got, err := scanPages(ctx, &scanner{f: f, size: size, use: w.seen, tell: tell}, 0)
		if got == nil || got.damaged == 0 {
			return got, err
		}
	}
	got, err := scanPages(ctx, &scanner{f: f, size: size, tell: tell}, upTo)
	if err == nil {
		got.settle(f)
	}
	return got, err
}

func scanPages(ctx context.Context, sc *scanner, upTo uint64) (*finds, error) {
	got := &finds{blocks: map[key]*piece{}, dead: map[key]*piece{}, ledger: map[uint64]*lossEntry{}, journal: map[uint64]journalRow{}}
	if err := sc.run(ctx, got.visit); err != nil {
		return nil, err
	}
	if upTo > 0 {
		got.every = slices.DeleteFunc(got.every, func(p *piece) bool { return p.txn > upTo })
	}
	got.choose(sc.f)
	got.damaged += sc.bad
	got.whole = sc.use != nil && got.damaged == 0
	return got, nil
}

func (g *finds) visit(k, v []byte, at int64) {
	switch len(k) {
	case blockKeyLen:
		h, err := parseBlock(k, v, 0)
		if err != nil {
			g.damaged++
			return
		}
		g.txn, g.run = max(g.txn, h.txn), max(g.run, h.run)
		g.every = append(g.every, &piece{h.key, h.n, h.last, h.txn, key{h.class, h.ackRun, h.ackSeq}, h.flags, at, len(v)})
	case keyLen:
		d, err := decodeDead(k, v)
		if err != nil {
			g.damaged++
			return
		}
		if p, ok := parseKey(k, 0); ok && p.seq == d.Record.Seq {
			g.dead[p] = &piece{key: p, n: 1, last: p.seq, at: at, length: len(v)}
		}
	case len(numberKey(0)):
		var r journalRow
		e := &lossEntry{}
		switch {
		case openJSON(tagJournal, k, v, &r) == nil:
			if old, ok := g.journal[r.ID]; !ok || r.stage() >= old.stage() {
				g.journal[r.ID] = r
			}
		case openJSON(tagLedger, k, v, e) == nil:
			if old := g.ledger[e.ID]; old == nil || old.Loss.Count < e.Loss.Count || e.Reported && !old.Reported {
				g.ledger[e.ID] = e
			}
		default:
			g.damaged++
		}
	case len(keyBoots):
		var boots []Boot
		if openJSON(tagBoots, k, v, &boots) == nil && len(boots) >= len(g.boots) {
			g.boots = boots
		}
	case len(keyState):
		if p, err := decodeMeta(v); err != nil {
			g.damaged++
		} else if g.state == nil || g.state.before(&p) {
			g.state = &p
			g.txn, g.run = max(g.txn, p.Txn), max(g.run, p.Run)
		}
	}
}

// sure says that the commit which wrote p came to its end, as far as is known: it
// writes the counters too, and of one that did not a part may be missing.
func (g *finds) sure(p *piece) bool { return g.state == nil || p.txn <= g.state.Txn }

// replaces says which of two copies of a block goes on: the later one, unless its
// commit may not have come to its end and it lacks what the other has.
func (g *finds) replaces(p, old *piece, f io.ReaderAt) bool {
	switch {
	case g.sure(p) == g.sure(old):
		return old.txn < p.txn
	case g.sure(p):
		return !old.holds(p, f)
	default:
		return p.holds(old, f)
	}
}

// choose takes the last copy of each block, and the highest watermarks.
func (g *finds) choose(f io.ReaderAt) {
	for _, p := range g.every {
		if g.sure(p) && g.marks[p.class].less(p.ack) {
			g.marks[p.class] = p.ack
		}
		if old := g.blocks[p.key]; old == nil || g.replaces(p, old, f) {
			g.blocks[p.key] = p
		}
	}
	g.every = nil
}

// settle leaves out what is known to be settled or to be an older copy.
func (g *finds) settle(f io.ReaderAt) {
	for k, p := range g.blocks {
		if w := g.marks[k.class]; p.flags&retried == 0 && !w.less(key{k.class, k.run, p.last}) {
			delete(g.blocks, k)
		}
	}
	var near []*piece // those that may reach beyond where the next begins
	for _, p := range g.sorted() {
		near = slices.DeleteFunc(near, func(x *piece) bool {
			switch {
			case !x.covers(p.key):
				return true
			case g.blocks[p.key] == nil || !x.shares(p, f):
				return false
			case g.replaces(p, x, f):
				delete(g.blocks, x.key)
				return true
			}
			delete(g.blocks, p.key)
			return false
		})
		if g.blocks[p.key] != nil {
			near = append(near, p)
		}
	}
	all := g.sorted()
	marks := map[key]*block{}
	if g.state != nil {
		for _, b := range parsePartials(g.state.partial) {
			marks[b.key] = b
		}
	}
	for k := range g.dead {
		i := sort.Search(len(all), func(i int) bool { return k.less(all[i].key) })
		if i == 0 || !all[i-1].covers(k) || all[i-1].flags&retried == 0 {
			continue
		}
		p := all[i-1]
		at, has := slices.BinarySearch(p.sequences(f), k.seq)
		if b := marks[p.key]; has && (b == nil || b.n != p.n || !b.settled(at)) {
			delete(g.dead, k) // it was put back into the queue later
		}
	}
}

// covers says that record k is in the block, or was.
func (p *piece) covers(k key) bool {
	return p.class == k.class && p.run == k.run && p.seq <= k.seq && k.seq <= p.last
}

// shares says that a record is in both blocks: then one replaced the other. Blocks
// with gaps may span one another and have none in common.
func (p *piece) shares(q *piece, f io.ReaderAt) bool {
	has := p.sequences(f)
	for _, seq := range q.sequences(f) {
		if _, ok := slices.BinarySearch(has, seq); ok {
			return true
		}
	}
	return false
}

// holds says that every record of q is in p too.
func (p *piece) holds(q *piece, f io.ReaderAt) bool {
	has := p.sequences(f)
	for _, seq := range q.sequences(f) {
		if _, ok := slices.BinarySearch(has, seq); !ok {
			return false
		}
	}
	return true
}

// sequences are those of the records, nil when they cannot be read.
func (p *piece) sequences(f io.ReaderAt) (all []uint64) {
	if p.last == p.seq+uint64(p.n)-1 {
		for seq := p.seq; seq <= p.last; seq++ {
			all = append(all, seq)
		}
		return all
	}
	v, err := p.value(f)
	if err != nil {
		return nil
	}
	var packer compressor
	_, recs, err := packer.decodeBlock(blockKey(p.key, p.n, 0), v, 0)
	if err != nil {
		return nil
	}
	for i := range recs {
		all = append(all, recs[i].Seq)
	}
	return all
}

// sorted returns the blocks in the order of their keys.
func (g *finds) sorted() []*piece { return sortPieces(g.blocks) }

func sortPieces(m map[key]*piece) []*piece {
	out := make([]*piece, 0, len(m))
	for _, p := range m {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].less(out[j].key) })
	return out
}

// value reads the value of a piece.
func (p *piece) value(f io.ReaderAt) ([]byte, error) {
	v := make([]byte, p.length)
	_, err := f.ReadAt(v, p.at)
	return v, err
}
