package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// DeadLetter is a record that the hub refused for good.
type DeadLetter struct {
	Record Record
	Cause  string    // the hub's words
	At     time.Time // wall time of the refusal, as believed
}

// deadLetters are kept in the order of their keys; beyond DeadMax, or an eighth of
// MaxBytes, the first ones are lost.
type deadLetters struct {
	fresh []*deadLetter // not on disk yet
	disk  onDisk
	ops   []*deadOp
}

type deadLetter struct {
	e *entry
	DeadLetter
}

type deadHead struct {
	Cause string    `json:"cause"`
	At    time.Time `json:"at"`
}

// causeMax bounds the words kept with a dead letter, in bytes.
const causeMax = 1024

// bury makes e a dead letter.
func (s *Store) bury(e *entry, cause error) {
	q := &s.q[e.class]
	q.stats.Queued--
	q.stats.Bytes -= int64(e.size)
	e.state = gone
	s.clean(e)
	if e.class == Debug {
		q.stats.Lost++
		l := lossOf(LostRejected, &e.rec, e.size)
		e.resolve(ErrLost)
		s.forget(e)
		s.lose(l)
		return
	}
	if cause == nil {
		cause = errors.New("no reason given")
	}
	q.stats.Dead++
	e.state = buried
	if e.onDisk {
		s.settleStored(e) // the mark and the dead letter are in the same commit
	}
	s.dead.fresh = append(s.dead.fresh, &deadLetter{e, DeadLetter{e.rec, clip(cause.Error(), causeMax), s.o.Clock.Now().Wall}})
	if len(s.dead.fresh) > s.o.DeadMax {
		s.unbury(s.dead.fresh[0])
		s.dead.fresh = s.dead.fresh[1:]
	}
	s.markLazy()
	s.arrived(e.key, false)
}

// unbury loses a dead letter that is not on disk yet.
func (s *Store) unbury(d *deadLetter) {
	q := &s.q[d.e.class]
	q.stats.Dead--
	q.stats.Lost++
	d.e.state = gone
	d.e.resolve(ErrLost)
	if !d.e.committing {
		s.forget(d.e)
	}
	s.lose(lossOf(LostDeadLetters, &d.Record, d.e.size))
}

// putDead moves a record to the dead letters.
func putDead(tx *bolt.Tx, d *deadLetter, run uint32) (size int64, err error) {
	head, err := json.Marshal(deadHead{d.Cause, d.At})
	if err != nil {
		return 0, err
	}
	v := appendString(make([]byte, 4, len(head)+d.e.size), string(head))
	v = appendRecord(v, &d.Record)
	k := d.e.key.bytes(run)
	return int64(len(v) + recordOverhead), tx.Bucket(bucketDead).Put(k, seal(tagDead, k, v))
}

func decodeDead(k, v []byte) (DeadLetter, error) {
	b, err := unseal(tagDead, k, v)
	if err != nil {
		return DeadLetter{}, err
	}
	d := decoder{b: b}
	head := d.take(d.uvarint())
	if d.err != nil {
		return DeadLetter{}, d.err
	}
	r, err := decodeRecord(d.b)
	if err != nil {
		return DeadLetter{}, err
	}
	var h deadHead
	if err := json.Unmarshal(head, &h); err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter: %w: %w", errDamaged, err)
	}
	return DeadLetter{r, h.Cause, h.At}, nil
}

// trimDead keeps the dead letters within their bounds and returns the lost ones.
func (s *Store) trimDead(tx *bolt.Tx, b *batch) error {
	limit := s.o.MaxBytes / 8
	bucket := tx.Bucket(bucketDead)
	var drop [][]byte
	c := bucket.Cursor()
	n := b.state.DeadLetters
	for k, v := c.First(); k != nil && (n.Count > uint64(s.o.DeadMax) || n.Bytes > limit); k, v = c.Next() {
		p, ok := parseKey(k, b.state.Run)
		size := len(v) + recordOverhead
		n.Count--
		n.Bytes -= int64(size)
		drop = append(drop, append([]byte(nil), k...))
		if !ok {
			continue
		}
		l := Loss{Reason: LostDeadLetters, Class: p.class, Epoch: s.epochOf(p), FirstSeq: p.seq, LastSeq: p.seq, Count: 1, Bytes: uint64(size)}
		if d, err := decodeDead(k, v); err == nil {
			l = lossOf(LostDeadLetters, &d.Record, size)
		}
		b.lost.add(l)
		b.undead[p.class]++
	}
	b.state.DeadLetters = n
	for _, k := range drop {
		if err := bucket.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// DeadLetters returns the dead letters in the order of their IDs.
func (s *Store) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	var out []DeadLetter
	err := s.reading(ctx, func() error {
		out = nil
		if s.disk != nil {
			err := s.disk.view(func(tx *bolt.Tx) error {
				return tx.Bucket(bucketDead).ForEach(func(k, v []byte) error {
					if d, err := decodeDead(k, v); err == nil {
						out = append(out, d)
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range s.dead.fresh {
			out = append(out, d.DeadLetter)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// clip cuts s to n bytes, at a rune.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
