package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"
)

// errFormat1 marks a file of format 1: one key per record, and a state in JSON.
var errFormat1 = errors.New("written in format 1")

var (
	bucketState1 = []byte("state") // its one key has the same name
	bucketQueue1 = []byte("queue")
)

type state1 struct {
	Format      int           `json:"format"`
	Store       string        `json:"store"`
	Epoch       uint32        `json:"epoch"`
	Run         uint32        `json:"run"`
	Clean       bool          `json:"clean"`
	CommitEvery time.Duration `json:"commit_every"`
	At          time.Time     `json:"at"`
	Classes     [Classes]struct {
		Delivered uint64 `json:"delivered"`
		Lost      uint64 `json:"lost"`
	} `json:"classes"`
	Reasons     map[string]uint64 `json:"reasons"`
	Ledger      uint64            `json:"ledger"`
	Journal     uint64            `json:"journal"`
	JournalLost time.Time         `json:"journal_lost"`
}

// json1 reads the JSON values of format 1.
func json1(b []byte, v any) error {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return fmt.Errorf("%w: checksum", errDamaged)
	}
	return json.Unmarshal(b[4:], v)
}

// migrate makes a file of this format with what a file of format 1 holds.
func (s *Store) migrate(ctx context.Context, old *disk) opened {
	d, err := createDisk(old.path, s.o)
	if err != nil {
		old.abandon()
		return opened{err: err}
	}
	d.db.NoSync = true
	m := &migration{s: s, to: &rebuilt{disk: d, blocks: map[key]int{}}, found: &finds{dead: map[key]*piece{}, ledger: map[uint64]*lossEntry{}, journal: map[uint64]journalRow{}}}
	err = old.view(func(tx *bolt.Tx) error { return m.run(ctx, tx) })
	old.abandon()
	if err == nil && !s.o.NoSync {
		err = guard(d.db.Sync)
	}
	d.db.NoSync = s.o.NoSync
	if err != nil {
		d.abandon()
		return opened{err: fmt.Errorf("migrate from format 1: %w", err)}
	}
	if d, err = s.publish(d, old.path, false); err != nil {
		return opened{err: err}
	}
	l, err := load(d)
	if err != nil {
		d.abandon()
		return opened{err: err}
	}
	s.o.Log.Info("queue file migrated from format 1", "file", old.path)
	return opened{disk: d, loaded: l}
}

type migration struct {
	s     *Store
	to    *rebuilt
	found *finds
	recs  []Record
	at    key // of the first of recs
	size  int
}

func (m *migration) run(ctx context.Context, from *bolt.Tx) error {
	var st state1
	if err := json1(from.Bucket(bucketState1).Get(bucketState1), &st); err != nil {
		return err
	}
	state := persisted{Epoch: st.Epoch, Run: st.Run, Clean: st.Clean, CommitEvery: st.CommitEvery, At: st.At, Reasons: st.Reasons,
		Ledger: st.Ledger, Journal: st.Journal, JournalLost: st.JournalLost}
	if id, err := hex.DecodeString(st.Store); err == nil {
		copy(state.Store[:], id)
	}
	for c := range state.Classes {
		state.Classes[c].Delivered, state.Classes[c].Lost = st.Classes[c].Delivered, st.Classes[c].Lost
	}
	return m.to.disk.update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(bucketBlocks)
		bucket.FillPercent = 1
		cur := from.Bucket(bucketQueue1).Cursor()
		for k, v := cur.First(); k != nil; k, v = cur.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			p, ok := parseKey(k, 0)
			r, err := decodeRecord(v)
			if !ok || err != nil {
				continue
			}
			if len(m.recs) > 0 && (p.class != m.at.class || p.run != m.at.run || m.size+len(v) > blockRaw) {
				if err := m.flush(bucket); err != nil {
					return err
				}
			}
			if len(m.recs) == 0 {
				m.at = p
			}
			m.recs = append(m.recs, r)
			m.size += len(v)
		}
		if err := m.flush(bucket); err != nil {
			return err
		}
		if err := m.rest(from, tx); err != nil {
			return err
		}
		return m.to.finish(tx, m.found, state)
	})
}

func (m *migration) flush(bucket *bolt.Bucket) error {
	if len(m.recs) == 0 {
		return nil
	}
	recs := make([]*Record, len(m.recs))
	for i := range recs {
		recs[i] = &m.recs[i]
	}
	r, err := m.s.encode(recs, 0, m.at.run)
	if err != nil {
		return err
	}
	m.to.take(&piece{key: r.head.key, n: r.head.n}, m.recs, len(r.v), nil)
	m.recs, m.size = nil, 0
	return bucket.Put(r.k, r.v)
}

// rest takes over dead letters, ledger and journal.
func (m *migration) rest(from, to *bolt.Tx) error {
	dead := to.Bucket(bucketDead)
	err := from.Bucket(bucketDead).ForEach(func(k, v []byte) error {
		p, ok := parseKey(k, 0)
		again := append(make([]byte, 4, 4+len(v)), v...)
		seal(tagDead, k, again)
		if _, err := decodeDead(k, again); !ok || err != nil {
			return nil
		}
		m.found.dead[p] = &piece{key: p, length: len(again)}
		m.to.dead[p.class]++
		return dead.Put(k, again)
	})
	if err != nil {
		return err
	}
	err = from.Bucket(bucketLedger).ForEach(func(k, v []byte) error {
		e := &lossEntry{}
		if json1(v, e) == nil {
			m.found.ledger[e.ID] = e
		}
		return nil
	})
	if err != nil {
		return err
	}
	return from.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
		var r journalRow
		if json1(v, &r) == nil {
			m.found.journal[r.ID] = r
		}
		return nil
	})
}
