package store

import (
	"errors"
	"maps"

	bolt "go.etcd.io/bbolt"
)

// writeLedger writes the entries that changed, and those that this transaction's
// losses change.
func (s *Store) writeLedger(tx *bolt.Tx, b *batch) error {
	bucket := tx.Bucket(bucketLedger)
	s.mu.Lock()
	b.state.Reasons = maps.Clone(b.state.Reasons)
	for _, l := range b.lost {
		p := s.led.plan(l)
		p.Loss.join(l)
		b.plans = append(b.plans, p)
		b.state.Reasons[l.Reason] += l.Count
	}
	b.state.Ledger = s.led.next
	s.mu.Unlock()
	for i := range b.ledger {
		if err := putJSON(bucket, tagLedger, numberKey(b.ledger[i].ID), &b.ledger[i]); err != nil {
			return err
		}
	}
	for _, p := range b.plans {
		if err := putJSON(bucket, tagLedger, numberKey(p.ID), p); err != nil {
			return err
		}
	}
	var errs []error
	for _, id := range b.forget {
		errs = append(errs, bucket.Delete(numberKey(id)))
	}
	return errors.Join(errs...)
}
