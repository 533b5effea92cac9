package store

import (
	"context"
	"fmt"
	"os"
	"sort"
)

// finds1 is what a file of format 1 holds.
type finds1 struct {
	state   *state1
	records map[key]Record
	dead    map[key]DeadLetter
	journal map[uint64]journalRow
	ledger  int
}

func (g *finds1) any() bool {
	return g.state != nil || len(g.records)+len(g.dead)+len(g.journal)+g.ledger > 0
}

// look1 reads a file of format 1, where every value has a checksum of its own
// content only. use names the pages in use; nil = all.
func look1(ctx context.Context, f *os.File, size int64, use []uint64) (*finds1, error) {
	g := &finds1{records: map[key]Record{}, dead: map[key]DeadLetter{}, journal: map[uint64]journalRow{}}
	sc := &scanner{f: f, size: size, use: use, tell: func(Progress) {}}
	err := sc.run(ctx, func(k, v []byte, _ int64) {
		switch len(k) {
		case keyLen:
			p, ok := parseKey(k, 0)
			if !ok {
				return
			}
			if r, err := decodeRecord(v); err == nil {
				g.records[p] = r
				return
			}
			sealed := seal(tagDead, k, append(make([]byte, 4, 4+len(v)), v...))
			if d, err := decodeDead(k, sealed); err == nil {
				g.dead[p] = d
			}
		case len(numberKey(0)):
			var row journalRow
			var l lossEntry
			switch {
			case json1(v, &row) == nil && row.Command != (Command{}):
				g.journal[row.ID] = row
			case json1(v, &l) == nil && l.Loss.Reason != "":
				g.ledger++
			}
		case len(bucketState1):
			var st state1
			if json1(v, &st) == nil && st.Format == 1 {
				g.state = &st
			}
		}
	})
	return g, err
}

// look1 reports a file of format 1, if it is one, and hands its records to out.
func (r *Report) look1(ctx context.Context, f *os.File, use []uint64, out func(Salvaged) error) (is bool, err error) {
	g, err := look1(ctx, f, r.Size, use)
	if err != nil || !g.any() {
		return false, err
	}
	r.Format = "one key per record, format 1: the next start takes it over"
	if st := g.state; st != nil {
		r.Store, r.Epoch, r.Run, r.Clean, r.Written = st.Store, st.Epoch, st.Run, st.Clean, st.At
	} else {
		r.Problems = append(r.Problems, "its counters cannot be read")
	}
	r.Ledger = g.ledger
	r.commands(g.journal)
	hand := handing(nil, out)
	for _, k := range inOrder(g.records) {
		pc := &r.PerClass[k.class]
		pc.Blocks++
		pc.Salvaged++
		pc.Counted++ // the file keeps no count of its own
		if err := hand(g.records[k], nil); err != nil {
			return true, fmt.Errorf("salvage: %w", err)
		}
	}
	for _, k := range inOrder(g.dead) {
		d := g.dead[k]
		r.PerClass[k.class].Dead++
		if err := hand(d.Record, &d); err != nil {
			return true, fmt.Errorf("salvage: %w", err)
		}
	}
	return true, nil
}

// inOrder returns the keys of m in the order of the file.
func inOrder[V any](m map[key]V) []key {
	keys := make([]key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].less(keys[j]) })
	return keys
}
