package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"
)

// TestSalvageOfHalfACommit: a file that lost its meta pages may hold a part of a
// commit that never came to its end. What that took out of a block is still there,
// because where it went to may be missing.
func TestSalvageOfHalfACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := onBench(t, hour(t))
		ids := b.add(Telemetry, 40) // more than lies in the page of the other buckets
		b.flush()
		l := b.next(40)
		l.Dead(ids[1], errors.New("no"))
		var half []byte
		b.io <- struct{}{}
		synctest.Wait()
		b.mu.Lock()
		bt := b.build(false)
		bt.loosen = append(bt.loosen, b.blocks[key{Telemetry, thisRun, 1}])
		b.mu.Unlock()
		err := b.disk.update(func(tx *bolt.Tx) error { return b.write(tx, bt) })
		if err == nil {
			half, err = os.ReadFile(filepath.Join(b.o.Dir, "queue.db"))
		}
		if err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		b.booked(bt)
		b.mu.Unlock()
		<-b.io
		b.stop()

		// The pages of the dead letter and of the counters never reached the disk.
		clear(half[:2*filePage])
		for at := 2 * filePage; at < len(half); at += filePage {
			page := half[at : at+filePage]
			scanLeaf(page, 0, func(k, v []byte, _ int64) {
				_, dead := decodeDead(k, v)
				st, meta := decodeMeta(v)
				if dead == nil || meta == nil && st.Txn == bt.state.Txn {
					clear(page)
				}
			})
		}
		o := b.o
		o.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), half, 0o600); err != nil {
			t.Fatal(err)
		}
		after := onBench(t, o)
		seqs := after.left()
		slices.Sort(seqs)
		if len(seqs) != 40 || seqs[1] != 2 {
			t.Errorf("%v came, want 1 to 40", seqs)
		}
		after.stop()
	})
}
