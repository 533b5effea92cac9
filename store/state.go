package store

import (
	"encoding/hex"
	"time"

	"fieldpost/internal/clock"
)

// persisted is what the file says of itself, rewritten in every commit. Produced
// is not in it: it is the sum of the rest.
type persisted struct {
	Format      int                     `json:"format"`
	Store       string                  `json:"store"` // identity of the last run, 16 hex digits
	Epoch       uint32                  `json:"epoch"`
	Run         uint32                  `json:"run"`
	Txn         uint64                  `json:"txn"`          // counts the commits of the run
	Clean       bool                    `json:"clean"`        // the last run ended with a final commit
	CommitEvery time.Duration           `json:"commit_every"` // of the last run, nanoseconds
	At          time.Time               `json:"at"`           // wall time of the commit, as believed
	Classes     [Classes]persistedClass `json:"classes"`
	Reasons     map[string]uint64       `json:"reasons,omitempty"`
	DeadLetters onDisk                  `json:"dead_letters"`
	Ledger      uint64                  `json:"ledger"` // ID of the last entry
	Outstanding *persistedKey           `json:"outstanding,omitempty"`
	Journal     uint64                  `json:"journal"` // ID of the last entry
	JournalLost time.Time               `json:"journal_lost"`
}

type persistedClass struct {
	onDisk           // queued
	Delivered uint64 `json:"delivered"`
	Dead      uint64 `json:"dead"`
	Lost      uint64 `json:"lost"`
}

type persistedKey struct {
	Class Class  `json:"class"`
	Run   uint32 `json:"run"`
	Seq   uint64 `json:"seq"`
}

// snapshot is the state as a commit leaves it that puts and deletes what b says.
func (s *Store) snapshot(b *batch) persisted {
	p := persisted{
		Format: fileFormat, Store: hex.EncodeToString(s.ident.store[:]), Epoch: s.ident.epoch, Run: s.run, Txn: s.txn + 1,
		CommitEvery: s.o.CommitEvery, At: s.o.Clock.Now().Wall, Clean: b.final,
		DeadLetters: s.dead.disk, Ledger: s.led.next, Journal: s.jr.next, JournalLost: s.jr.lostAt,
		Reasons: make(map[string]uint64, len(s.byReason)),
	}
	for r, n := range s.byReason {
		p.Reasons[r] = n
	}
	for c := range s.q {
		q := &s.q[c]
		p.Classes[c] = persistedClass{onDisk: q.disk, Delivered: q.stats.Delivered, Dead: q.stats.Dead, Lost: q.stats.Lost}
	}
	for _, e := range b.puts {
		p.Classes[e.class].add(1, e.size)
	}
	for _, e := range b.dels {
		p.Classes[e.class].add(-1, e.size)
	}
	for _, d := range b.dead {
		if d.e.onDisk {
			p.Classes[d.e.class].add(-1, d.e.size)
		}
	}
	if k := s.led.outstanding; k != nil {
		p.Outstanding = &persistedKey{k.class, k.run, k.seq}
		if k.run == thisRun {
			p.Outstanding.Run = s.run
		}
	}
	return p
}

func (d *onDisk) add(n, size int) {
	if n > 0 {
		d.Count += uint64(n)
	} else {
		d.Count -= min(uint64(-n), d.Count)
	}
	d.Bytes = max(d.Bytes+int64(n)*int64(size), 0)
}

// restore takes up the counters of the file. What was queued, delivered or lost
// before it was open is added to them.
func (s *Store) restore(l *loaded) {
	p := &l.state
	for c := range s.q {
		q, pc := &s.q[c], &p.Classes[c]
		q.disk = pc.onDisk
		q.exhausted = pc.Count == 0
		q.oldest = l.oldest[c]
		q.stats.Produced += pc.Delivered + pc.Count + pc.Dead + pc.Lost
		q.stats.Delivered += pc.Delivered
		q.stats.Queued += pc.Count
		q.stats.Dead += pc.Dead
		q.stats.Lost += pc.Lost
		q.stats.Bytes += pc.Bytes
	}
	for r, n := range p.Reasons {
		s.byReason[r] += n
	}
	s.dead.disk = p.DeadLetters
	early := s.led.entries
	s.led.entries, s.led.next = l.ledger, max(p.Ledger, s.led.next)
	for _, e := range early {
		s.led.next++
		e.ID, e.dirty = s.led.next, true
		s.led.entries = append(s.led.entries, e)
	}
	if k := p.Outstanding; k != nil && s.led.outstanding == nil {
		s.led.outstanding = &key{k.Class, k.Run, k.Seq}
	}
	s.jr.next, s.jr.lostAt = p.Journal, p.JournalLost
	s.jr.load(l.journal)
}

// stops books what the file tells of earlier stops, with stamps as now believed.
func (s *Store) stops(p *persisted, now clock.Stamp) {
	if p.Run == 0 {
		return // a fresh file
	}
	if !p.Clean {
		s.lose(Loss{Reason: LostUncleanStop, Class: Telemetry, Epoch: p.Epoch, From: p.At, To: now.Wall, Within: p.CommitEvery})
	}
	if p.Store == hex.EncodeToString(s.ident.store[:]) && s.ident.epoch > p.Epoch+1 {
		s.lose(Loss{Reason: LostNoDisk, Class: Telemetry, Epoch: s.ident.epoch - 1, To: now.Wall, From: p.At})
	}
}
