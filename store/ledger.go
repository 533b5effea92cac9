package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"fieldpost/internal/clock"
)

// Reasons of losses.
const (
	LostQueueFull   = "queue-full"        // the oldest of the least urgent class made room on disk
	LostMemoryFull  = "memory-full"       // the same in memory, while the disk was slow or unusable
	LostDamaged     = "damaged"           // a stored record failed its checksum, or cannot be found
	LostQuarantine  = "quarantine"        // the file was set aside; Count 0 = unknown
	LostMissing     = "file-missing"      // the file was gone at the start; Count 0 = unknown
	LostUncleanStop = "unclean-stop"      // the agent was killed; Count 0 = unknown, at most Within of records
	LostNoDisk      = "no-disk"           // an earlier start never opened the file; Count 0 = unknown
	LostStopped     = "stopped"           // in memory only when the agent stopped
	LostDeadLetters = "dead-letters-full" // the oldest dead letter made room
	LostRejected    = "rejected"          // a debug record the hub refused: it makes no dead letter
	LostThinned     = "thinned"           // thinned out to make room on disk
	LostTooOld      = "too-old"           // older than MaxAge
	LostDropped     = "dropped"           // a dead letter that was dropped by hand
	LostNotKept     = "not-kept"          // a result whose command could not be finished on disk
)

// Loss is one entry of the loss ledger: records that had an ID and will never be
// delivered. Records of the same class and epoch lost for the same reason share
// an entry until it is reported.
type Loss struct {
	Reason   string        // one of the Lost constants
	Class    Class         // as in the ID
	Epoch    uint32        // as in the ID
	FirstSeq uint64        // lowest sequence lost; 0 when unknown
	LastSeq  uint64        // highest sequence lost; not every one between is
	Count    uint64        // records lost; 0 when unknown
	Bytes    uint64        // of these, as stored
	From     time.Time     // earliest wall time of the records, as believed; zero when unknown
	To       time.Time     // latest wall time of the records
	Within   time.Duration // when Count is unknown: records of at most this long a time
}

// lossEntry is a Loss as stored.
type lossEntry struct {
	ID       uint64 `json:"id"`
	Loss     Loss   `json:"loss"`
	Reported bool   `json:"reported,omitempty"` // a ledger record tells of it
	OnWay    bool   `json:"on_way,omitempty"`   // that record is the outstanding one
	dirty    bool
}

// ledgerMax bounds the entries kept; the counters of Stats know of all.
const ledgerMax = 256

// reportMax bounds the entries of one ledger record.
const reportMax = 100

type ledger struct {
	entries     []*lossEntry // oldest first
	next        uint64       // ID of the next entry
	removed     []uint64     // to be deleted from disk
	outstanding *key         // the ledger record that is on its way
}

// lossOf is the loss of one record.
func lossOf(reason string, r *Record, size int) Loss {
	l := Loss{Reason: reason, Class: r.Class, Epoch: r.Epoch, FirstSeq: r.Seq, LastSeq: r.Seq, Count: 1, Bytes: uint64(size)}
	if !r.Stamp.Wall.IsZero() {
		l.From, l.To = r.Stamp.Wall, r.Stamp.Wall
	}
	return l
}

// join adds o to l.
func (l *Loss) join(o Loss) {
	if l.FirstSeq == 0 || o.FirstSeq != 0 && o.FirstSeq < l.FirstSeq {
		l.FirstSeq = o.FirstSeq
	}
	l.LastSeq = max(l.LastSeq, o.LastSeq)
	l.Count += o.Count
	l.Bytes += o.Bytes
	if l.From.IsZero() || !o.From.IsZero() && o.From.Before(l.From) {
		l.From = o.From
	}
	if o.To.After(l.To) {
		l.To = o.To
	}
	l.Within = max(l.Within, o.Within)
}

func (l *Loss) joins(o Loss) bool {
	return l.Reason == o.Reason && l.Class == o.Class && l.Epoch == o.Epoch
}

// tally sums losses of one transaction.
type tally []Loss

func (t *tally) add(l Loss) {
	for i := range *t {
		if (*t)[i].joins(l) {
			(*t)[i].join(l)
			return
		}
	}
	*t = append(*t, l)
}

// plan says which entry takes l: one that is not yet reported, or a new one.
func (g *ledger) plan(l Loss) *lossEntry {
	for _, e := range slices.Backward(g.entries) {
		if !e.Reported && e.Loss.joins(l) && (l.Count > 0) == (e.Loss.Count > 0) {
			return &lossEntry{ID: e.ID, Loss: e.Loss}
		}
	}
	g.next++
	return &lossEntry{ID: g.next, Loss: Loss{Reason: l.Reason, Class: l.Class, Epoch: l.Epoch}}
}

// apply adds l to entry id.
func (g *ledger) apply(id uint64, l Loss) {
	for _, e := range g.entries {
		if e.ID == id {
			e.Loss.join(l)
			e.dirty = true
			return
		}
	}
	g.entries = append(g.entries, &lossEntry{ID: id, Loss: l, dirty: true})
	for len(g.entries) > ledgerMax {
		g.drop()
	}
}

// drop forgets the oldest entry that was reported; when none was, it adds the
// oldest to the next of the same reason and class, whatever the epoch.
func (g *ledger) drop() {
	i := slices.IndexFunc(g.entries, func(e *lossEntry) bool { return e.Reported })
	if i < 0 {
		i = 0
		old := g.entries[0].Loss
		j := slices.IndexFunc(g.entries[1:], func(e *lossEntry) bool { return e.Loss.Reason == old.Reason && e.Loss.Class == old.Class })
		if j >= 0 {
			e := g.entries[1+j]
			first, last := e.Loss.FirstSeq, e.Loss.LastSeq
			e.Loss.join(old)
			e.Loss.FirstSeq, e.Loss.LastSeq, e.dirty = first, last, true // a sequence means nothing in another epoch
		}
	}
	g.removed = append(g.removed, g.entries[i].ID)
	g.entries = slices.Delete(g.entries, i, i+1)
}

// lose books a loss that happened in memory.
func (s *Store) lose(l Loss) {
	s.led.apply(s.led.plan(l).ID, l)
	s.byReason[l.Reason] += l.Count
	s.markLazy()
	s.report()
}

// report appends one ledger record with the entries that no record has told of,
// unless one is still on its way.
func (s *Store) report() {
	if s.led.outstanding != nil || s.ended || !s.identified() {
		return
	}
	var told []*lossEntry
	for _, e := range s.led.entries {
		if !e.Reported && len(told) < reportMax {
			told = append(told, e)
		}
	}
	if len(told) == 0 {
		return
	}
	body, err := json.Marshal(reportOf(told))
	if err != nil {
		s.note(err)
		return
	}
	r := Record{ID: ID{Class: Alarm}, Kind: KindLedger, Stamp: s.o.Clock.Now(), ContentType: "application/json", Body: body}
	e := s.enter(&r)
	for _, l := range told {
		l.Reported, l.OnWay, l.dirty = true, true, true
	}
	k := e.key
	s.led.outstanding = &k
	s.urge()
}

// tells says that k is the outstanding ledger record.
func (g *ledger) tells(k key) bool { return g.outstanding != nil && *g.outstanding == k }

// arrived ends the way of the outstanding ledger record k. When it was lost, its
// entries are told of again.
func (s *Store) arrived(k key, lost bool) {
	if !s.led.tells(k) {
		return
	}
	s.led.outstanding = nil
	for _, l := range s.led.entries {
		if l.OnWay {
			l.OnWay, l.Reported, l.dirty = false, !lost, true
		}
	}
	s.markLazy()
	s.report()
}

type ledgerBody struct {
	Losses []ledgerLine `json:"losses"`
}

type ledgerLine struct {
	Reason   string     `json:"reason"`
	Class    string     `json:"class"`
	Epoch    uint32     `json:"epoch"`
	FirstSeq uint64     `json:"first_seq,omitempty"`
	LastSeq  uint64     `json:"last_seq,omitempty"`
	Count    uint64     `json:"count"` // 0 = unknown
	Bytes    uint64     `json:"bytes,omitempty"`
	From     *time.Time `json:"from,omitempty"`
	To       *time.Time `json:"to,omitempty"`
	WithinS  float64    `json:"within_s,omitempty"`
}

func reportOf(told []*lossEntry) ledgerBody {
	at := func(t time.Time) *time.Time {
		if t.Before(clock.Floor) {
			return nil
		}
		return &t
	}
	var b ledgerBody
	for _, e := range told {
		l := e.Loss
		b.Losses = append(b.Losses, ledgerLine{
			Reason: l.Reason, Class: l.Class.String(), Epoch: l.Epoch, FirstSeq: l.FirstSeq, LastSeq: l.LastSeq,
			Count: l.Count, Bytes: l.Bytes, From: at(l.From), To: at(l.To), WithinS: l.Within.Seconds(),
		})
	}
	return b
}

// Losses returns the entries of the loss ledger, oldest first: the last 256 at most.
func (s *Store) Losses(ctx context.Context) ([]Loss, error) {
	if err := s.waitOpen(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Loss
	for _, e := range s.led.entries {
		out = append(out, e.Loss)
	}
	return out, nil
}
