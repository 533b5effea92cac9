package store

import (
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"fieldpost/internal/clock"
)

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

type journalRow struct {
	ID      uint64    `json:"id"`
	Command Command   `json:"command"`
	Outcome Outcome   `json:"outcome"`
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended"`
	Result  string    `json:"result,omitempty"` // message-id of the result record
	Due     string    `json:"due,omitempty"`

	EndedBoot []byte        `json:"ended_boot,omitempty"` // boot of Ended
	EndedIn   time.Duration `json:"ended_in,omitempty"`   // since that boot
}

func rowOf(id uint64, e *JournalEntry) journalRow {
	r := journalRow{ID: id, Command: e.Command, Outcome: e.Outcome, Begun: e.Begun, Ended: e.Ended, Due: e.Due}
	if e.ended.Boot != ([16]byte{}) {
		r.EndedBoot, r.EndedIn = e.ended.Boot[:], e.ended.BootTime
	}
	if e.Result != (ID{}) {
		r.Result = e.Result.String()
	}
	return r
}

// stage grows as a command goes on: begun, promised, closed.
func (r *journalRow) stage() int {
	switch {
	case r.Outcome.Verdict == Pending:
		return 0
	case r.Due != "":
		return 1
	default:
		return 2
	}
}

// entry is what a row says.
func (r *journalRow) entry() JournalEntry {
	e := JournalEntry{Command: r.Command, Outcome: r.Outcome, Begun: r.Begun, Ended: r.Ended, Due: r.Due}
	e.Result, _ = ParseID(r.Result) // zero while there is none
	e.ended = clock.Stamp{Wall: r.Ended, BootTime: r.EndedIn}
	copy(e.ended.Boot[:], r.EndedBoot)
	return e
}

func writeJournal(tx *bolt.Tx, b *batch) error {
	bucket := tx.Bucket(bucketJournal)
	var errs []error
	for i := range b.jputs {
		errs = append(errs, putJSON(bucket, tagJournal, numberKey(b.jputs[i].ID), &b.jputs[i]))
	}
	for _, id := range b.jdels {
		errs = append(errs, bucket.Delete(numberKey(id)))
	}
	return errors.Join(errs...)
}
