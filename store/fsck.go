package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fieldpost/internal/clock"
)

// FsckOptions says what Fsck does beside looking.
type FsckOptions struct {
	Salvage io.Writer // what can be read, one JSON object a line; default none
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
	Journal     int // commands
	JournalOpen int // of them, begun without an outcome
	Ledger      int // entries
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
	have, err := asides(dir)
	if err != nil {
		return fail(err)
	}
	for _, n := range have {
		r.Quarantined = append(r.Quarantined, asideDir(dir, n))
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
	g, err := r.look(ctx, f)
	if err != nil {
		return fail(err)
	}
	if err := r.salvage(f, g, o.Salvage); err != nil {
		return fail(err)
	}
	return r, nil
}

// look walks the tree and reads every page.
func (r *Report) look(ctx context.Context, f *os.File) (*finds, error) {
	w, err := newWalker(ctx, f, r.Size)
	if err == nil {
		r.Pages = int(w.meta.pgid)
		err = w.tree(w.meta.root)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		r.Problems = append(r.Problems, err.Error())
	}
	g, err := scan(ctx, f, r.Size, func(Progress) {})
	if err != nil {
		return nil, err
	}
	if g.damaged > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d values fail their checksum", g.damaged))
	}
	r.Format = "not a queue of this format"
	if len(g.blocks)+len(g.dead)+len(g.journal) > 0 || g.state != nil {
		r.Format = fmt.Sprintf("blocks, format %d", blockVersion)
	}
	if st := g.state; st != nil {
		r.Store, r.Epoch, r.Run, r.Clean, r.Written = hex.EncodeToString(st.Store[:]), st.Epoch, st.Run, st.Clean, st.At
		for c := range r.PerClass {
			r.PerClass[c].Counted = st.Classes[c].Count
		}
	} else {
		r.Problems = append(r.Problems, "its counters cannot be read")
	}
	r.Ledger, r.Journal = len(g.ledger), len(g.journal)
	for _, row := range g.journal {
		if row.Outcome.Verdict == Pending {
			r.JournalOpen++
		}
	}
	return g, nil
}

// salvage counts what is left and writes it to out, when that is given.
func (r *Report) salvage(f io.ReaderAt, g *finds, out io.Writer) error {
	partial := map[key]*block{}
	if g.state != nil {
		for _, b := range parsePartials(g.state.partial) {
			partial[b.key] = b
		}
	}
	var enc *json.Encoder
	if out != nil {
		enc = json.NewEncoder(out)
	}
	line := func(r *Record, cause string) error {
		if enc == nil {
			return nil
		}
		return enc.Encode(lineOf(r, cause))
	}
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
			if err := line(&recs[i], ""); err != nil {
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
			if err := line(&d.Record, d.Cause); err != nil {
				return err
			}
		}
	}
	return nil
}

// salvageLine is one record as Fsck writes it.
type salvageLine struct {
	ID            string            `json:"id"`
	Class         string            `json:"class"`
	Kind          string            `json:"kind"`
	Time          *time.Time        `json:"time,omitempty"` // as believed when taken
	BootTimeS     float64           `json:"boot_time_s,omitempty"`
	Subject       string            `json:"subject,omitempty"`
	CorrelationID string            `json:"correlation_id,omitempty"`
	ContentType   string            `json:"content_type,omitempty"`
	Props         map[string]string `json:"props,omitempty"`
	Body          json.RawMessage   `json:"body,omitempty"`        // when it is JSON
	Base64        []byte            `json:"body_base64,omitempty"` // when it is not
	DeadCause     string            `json:"dead_cause,omitempty"`  // the hub's words about a dead letter
}

func lineOf(r *Record, cause string) salvageLine {
	l := salvageLine{
		ID: r.ID.String(), Class: r.Class.String(), Kind: r.Kind.String(), BootTimeS: r.Stamp.BootTime.Seconds(), Subject: r.Subject,
		CorrelationID: r.CorrelationID, ContentType: r.ContentType, Props: r.Props, DeadCause: cause,
	}
	if at := r.Stamp.Wall; at.After(clock.Floor) {
		l.Time = &at
	}
	if json.Valid(r.Body) {
		l.Body = r.Body
	} else {
		l.Base64 = r.Body
	}
	return l
}
