package store

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"fieldpost/internal/clock"
)

// loaded is what is read when the file is opened. Records are not.
type loaded struct {
	state   persisted
	ledger  []*lossEntry
	journal []journalRow
	oldest  [Classes]clock.Stamp
	partial []*block
	boots   []Boot
	unsure  bool     // an entry of the journal cannot be read
	spoilt  []uint64 // these
}

// load reads what is kept in memory. A bucket that is missing, or a state of
// another format, is not ours: the file is damaged as far as we are concerned.
func load(d *disk) (*loaded, error) {
	l := &loaded{}
	err := d.view(func(tx *bolt.Tx) error {
		if tx.Bucket(bucketState1) != nil && tx.Bucket(bucketQueue1) != nil {
			return errFormat1
		}
		for _, b := range buckets {
			if tx.Bucket(b) == nil {
				return damaged("no bucket %s", b)
			}
		}
		var err error
		if l.state, err = decodeMeta(tx.Bucket(bucketMeta).Get(keyState)); err != nil {
			return err
		}
		if openJSON(tagBoots, keyBoots, tx.Bucket(bucketBoots).Get(keyBoots), &l.boots) != nil {
			l.boots = nil
		}
		l.partial = parsePartials(l.state.partial)
		for c := range l.oldest {
			l.oldest[c] = oldestOf(tx.Bucket(bucketBlocks), Class(c))
		}
		if err := tx.Bucket(bucketLedger).ForEach(func(k, v []byte) error {
			e := &lossEntry{}
			if openJSON(tagLedger, k, v, e) == nil {
				l.ledger = append(l.ledger, e)
			}
			return nil
		}); err != nil {
			return err
		}
		return tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
			var r journalRow
			if openJSON(tagJournal, k, v, &r) == nil {
				l.journal = append(l.journal, r)
				return nil
			}
			if l.unsure = true; len(k) == 8 {
				l.spoilt = append(l.spoilt, binary.BigEndian.Uint64(k))
			}
			return nil
		})
	})
	return l, err
}

// oldestOf is the stamp of the first record of a class.
func oldestOf(b *bolt.Bucket, c Class) (st clock.Stamp) {
	if k, v := b.Cursor().Seek([]byte{byte(c)}); k != nil && k[0] == byte(c) {
		var packer compressor
		if _, recs, err := packer.decodeBlock(k, v, 0); err == nil {
			st = recs[0].Stamp
		}
	}
	return st
}
