package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"
)

// FsckOptions says what Fsck does beside looking.
type FsckOptions struct {
	Salvage func(Salvaged) error // takes what can be read, in order; an error ends Fsck; default none
}

// Salvaged is a record that can be read.
type Salvaged struct {
	Record      Record
	At          time.Time     // when it happened, by the boots that the file knows; zero when unknown
	Uncertainty time.Duration // of At
	Dead        *DeadLetter   // the refusal of a dead letter, or nil
}

// Report is what Fsck found.
type Report struct {
	File     string
	Size     int64  // bytes
	Format   string // what the file is, in words
	Store    string // 16 hex digits; empty when unknown
	Epoch    uint32
	Run      uint32
	Clean    bool      // the last run ended with a final commit
	Written  time.Time // wall time of the last commit, as believed
	Pages    int
	Problems []string // what is damaged; empty for a file that would be opened as it is

	PerClass    [Classes]ReportClass
	Commands    []JournalEntry // of the journal, the last begun first
	JournalOpen int            // of them, begun without an outcome
	Ledger      int            // entries
	Quarantined []string
}

// ReportClass is what the file holds of one class.
type ReportClass struct {
	Counted  uint64 // records queued, by the counters of the file
	Blocks   int    // that can be read
	Salvaged uint64 // records a salvage would bring, settled ones left out
	Dead     uint64 // dead letters that can be read
}

// Fsck looks at the store in dir, which must not be running, and changes nothing.
// The error wraps ErrLocked when an agent runs. Damage is in the Report, no error.
func Fsck(ctx context.Context, dir string, o FsckOptions) (Report, error) {
	r := Report{File: filepath.Join(dir, "queue.db")}
	fail := func(err error) (Report, error) { return r, fmt.Errorf("check queue %s: %w", r.File, err) }
	there, _ := locate(r.File)
	have, err := asides(filepath.Dir(there))
	if err != nil {
		return fail(err)
	}
	for _, n := range have {
		r.Quarantined = append(r.Quarantined, asideDir(filepath.Dir(there), n))
	}
	info, err := os.Stat(r.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Format = "none: the next start makes one"
		return r, nil
	case err != nil:
		return fail(err)
	case !info.Mode().IsRegular():
		r.Format = "not a file"
		r.Problems = append(r.Problems, "it is "+info.Mode().Type().String())
		return r, nil
	}
	f, err := os.Open(r.File)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if err := tryLock(f); err != nil {
		return fail(err)
	}
	r.Size = info.Size()
	g, use, err := r.look(ctx, f)
	if err != nil {
		return fail(err)
	}
	if g == nil {
		if is, err := r.look1(ctx, f, use, o.Salvage); err != nil || is {
			return r, err
		}
		r.Problems = append(r.Problems, "it holds nothing that a queue would")
		return r, nil
	}
	if err := r.salvage(f, g, o.Salvage); err != nil {
		return fail(err)
	}
	return r, nil
}

// look walks the tree and reads every page. It finds nil in a file of another
// format; use names the pages in use when the tree is whole.
func (r *Report) look(ctx context.Context, f *os.File) (g *finds, use []uint64, err error) {
	w, err := newWalker(ctx, f, r.Size)
	if err == nil {
		r.Pages = int(w.meta.pgid)
		err = w.tree()
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err == nil:
		use = w.seen
	default:
		r.Problems = append(r.Problems, err.Error())
	}
	if g, err = scan(ctx, f, r.Size, 0, func(Progress) {}); err != nil {
		return nil, nil, err
	}
	r.Format = "not a queue"
	if len(g.blocks)+len(g.dead)+len(g.journal) == 0 && g.state == nil {
		return nil, use, nil
	}
	r.Format = fmt.Sprintf("blocks, format %d", blockVersion)
	if g.damaged > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d values fail their checksum", g.damaged))
	}
	if st := g.state; st != nil {
		r.Store, r.Epoch, r.Run, r.Clean, r.Written = hex.EncodeToString(st.Store[:]), st.Epoch, st.Run, st.Clean, st.At
		for c := range r.PerClass {
			r.PerClass[c].Counted = st.Classes[c].Count
		}
	} else {
		r.Problems = append(r.Problems, "its counters cannot be read")
	}
	r.Ledger = len(g.ledger)
	r.commands(g.journal)
	return g, use, nil
}

// commands lists the journal of a file.
func (r *Report) commands(rows map[uint64]journalRow) {
	newest := slices.Collect(maps.Keys(rows))
	sort.Slice(newest, func(i, j int) bool { return newest[i] > newest[j] })
	for _, id := range newest {
		row := rows[id]
		r.Commands = append(r.Commands, row.entry())
		if row.Outcome.Verdict == Pending {
			r.JournalOpen++
		}
	}
}

// handing dates records by the boots that a file knows and gives them to out.
func handing(known []Boot, out func(Salvaged) error) func(Record, *DeadLetter) error {
	if out == nil {
		return func(Record, *DeadLetter) error { return nil }
	}
	boots := newBootTable(wallClock{})
	boots.restore(known, [16]byte{}, 0)
	return func(r Record, d *DeadLetter) error {
		at, uncertainty := boots.Resolve(r.Stamp)
		return out(Salvaged{r, at, uncertainty, d})
	}
}

// salvage counts what is left and hands it to out, when that is given.
func (r *Report) salvage(f io.ReaderAt, g *finds, out func(Salvaged) error) error {
	partial := map[key]*block{}
	if g.state != nil {
		for _, b := range parsePartials(g.state.partial) {
			partial[b.key] = b
		}
	}
	hand := handing(g.boots, out)
	var packer compressor
	for _, p := range g.sorted() {
		v, err := p.value(f)
		if err != nil {
			continue
		}
		_, recs, err := packer.decodeBlock(blockKey(p.key, p.n, 0), v, 0)
		if err != nil {
			r.Problems = append(r.Problems, err.Error())
			continue
		}
		blk := partial[p.key]
		if blk != nil && blk.n != p.n {
			blk = nil
		}
		pc := &r.PerClass[p.class]
		pc.Blocks++
		for i := range recs {
			if blk.settled(i) {
				continue
			}
			pc.Salvaged++
			if err := hand(recs[i], nil); err != nil {
				return err
			}
		}
	}
	for _, p := range sortPieces(g.dead) {
		v, err := p.value(f)
		if err != nil {
			continue
		}
		if d, err := decodeDead(p.key.bytes(0), v); err == nil {
			r.PerClass[p.class].Dead++
			if err := hand(d.Record, &d); err != nil {
				return err
			}
		}
	}
	return nil
}
