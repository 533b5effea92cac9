package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bench is a store of which the test makes commits in the committer's stead.
type bench struct {
	*Store
	t    *testing.T
	stop func()
}

func onBench(t *testing.T, o Options) *bench {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{New(o), t, nil}
	end := make(chan error, 1)
	go func() { end <- b.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) add(c Class, n int) (ids []ID) {
	b.t.Helper()
	for range n {
		tk, err := b.Append(b.t.Context(), Record{ID: ID{Class: c}, Body: noise(80)})
		if err != nil {
			b.t.Fatal(err)
		}
		ids = append(ids, tk.IDs()...)
	}
	return ids
}

func (b *bench) next(n int) *Lease {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
	defer cancel()
	l, err := b.Next(ctx, Want{Records: n, Classes: []Class{Telemetry}})
	if err != nil {
		b.t.Fatal(err)
	}
	if got := len(l.Records()); got != n {
		b.t.Fatalf("%d records, want %d", got, n)
	}
	return l
}

func (b *bench) flush() {
	b.t.Helper()
	if err := b.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// commitWhile appends so many alarms and commits, and calls between when that is built,
// and during when all is written and nothing is booked.
func (b *bench) commitWhile(alarms int, limit int64, between, during func()) {
	b.t.Helper()
	b.io <- struct{}{} // before there is an alarm, which the committer would not wait with
	b.add(Alarm, alarms)
	synctest.Wait()
	b.mu.Lock()
	bt := b.build(false)
	b.mu.Unlock()
	if bt == nil {
		b.t.Fatal("nothing is left to commit: the committer was first")
	}
	if limit > 0 {
		bt.limit = limit
	}
	between()
	if err := b.disk.update(func(tx *bolt.Tx) error { return b.write(tx, bt) }); err != nil {
		b.t.Fatal(err)
	}
	during()
	b.mu.Lock()
	b.booked(bt)
	b.mu.Unlock()
	<-b.io
}

// again stops the store and starts another on the same folder.
func (b *bench) again() *bench {
	b.t.Helper()
	b.stop()
	return onBench(b.t, b.o)
}

// killed starts a store on the folder as a kill would leave it now.
func (b *bench) killed() *bench {
	b.t.Helper()
	o := b.o
	o.Dir = b.t.TempDir()
	for _, name := range []string{"queue.db", "identity"} {
		content, err := os.ReadFile(filepath.Join(b.o.Dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(o.Dir, name), content, 0o600)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return onBench(b.t, o)
}

// inOrder verifies that no block spans another: the cursors would skip it.
func (b *bench) inOrder() {
	b.t.Helper()
	b.io <- struct{}{}
	defer func() { <-b.io }()
	err := b.disk.view(func(tx *bolt.Tx) error {
		var prev blockHead
		return tx.Bucket(bucketBlocks).ForEach(func(k, v []byte) error {
			h, err := parseBlock(k, v, b.run)
			if err == nil && h.class == prev.class && h.run == prev.run && h.seq <= prev.last {
				b.t.Errorf("block %d to %d spans the one from %d", prev.seq, prev.last, h.seq)
			}
			prev = h
			return err
		})
	})
	if err != nil {
		b.t.Error(err)
	}
}

// left drains the telemetry and returns the sequences that came.
func (b *bench) left() (seqs []uint64) {
	b.t.Helper()
	for b.Stats().PerClass[Telemetry].Queued > 0 {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		l, err := b.Next(ctx, Want{Records: 100, Classes: []Class{Telemetry}})
		cancel()
		if err != nil {
			b.t.Fatalf("%d are queued, next: %v", b.Stats().PerClass[Telemetry].Queued, err)
		}
		for _, r := range l.Records() {
			seqs = append(seqs, r.Seq)
		}
		l.Ack()
	}
	return seqs
}

func hour(t *testing.T) Options {
	return Options{Dir: t.TempDir(), CommitEvery: time.Hour, NoSync: true}
}

// TestSettledWhileThinned: a block whose last record is settled while the block is
// written anew is deleted, and the record does not come again.
func TestSettledWhileThinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hour(t)
		o.Overflow[Telemetry], o.KeepOneIn = ThinOut, 1000
		b := onBench(t, o)
		b.add(Telemetry, 6)
		b.flush()
		l := b.next(1) // leased: thinning keeps it
		b.commitWhile(1, 1, func() {}, func() { l.Ack() })
		b.flush()
		if st := b.Stats(); st.PerClass[Telemetry].Queued != 0 || b.q[Telemetry].disk.Bytes != 0 {
			t.Errorf("%+v, %d bytes on disk; want nothing left", st.PerClass[Telemetry], b.q[Telemetry].disk.Bytes)
		}
		b = b.again()
		if seqs := b.left(); len(seqs) != 0 {
			t.Errorf("%v came again", seqs)
		}
		b.stop()
	})
}

// TestRefusedWhileThinned: a record that becomes a dead letter while a commit is
// made stays in the file until the dead letter is there too.
func TestRefusedWhileThinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hour(t)
		o.Overflow[Telemetry], o.KeepOneIn = ThinOut, 1000
		b := onBench(t, o)
		b.add(Telemetry, 6)
		b.flush()
		l := b.next(2) // leased: thinning keeps them
		var after *bench
		b.commitWhile(1, 1, func() { l.Dead(l.Records()[1].ID, errors.New("no")) }, func() { after = b.killed() })
		if seqs := after.left(); fmt.Sprint(seqs) != "[1 2]" {
			t.Errorf("%v came, want 1 and 2", seqs)
		}
		after.stop()
		b.flush()
		after = b.killed()
		dead, err := after.DeadLetters(t.Context())
		if seqs := after.left(); fmt.Sprint(seqs) != "[1]" || err != nil || len(dead) != 1 {
			t.Errorf("%v came, %d dead letters, %v; want 1 and a dead letter", seqs, len(dead), err)
		}
		after.stop()
		b.stop()
	})
}

// TestSettledWhileLoosened: what was settled in a block for which the meta record
// has no room stays settled, also when the last record of it is settled while the
// block is written anew.
func TestSettledWhileLoosened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := onBench(t, hour(t))
		var leases []*Lease
		for range 100 { // more blocks than there is room for marks
			b.add(Telemetry, 2)
			b.flush()
			l := b.next(2)
			l.Ack(l.Records()[0].ID)
			leases = append(leases, l)
		}
		b.flush()
		var after *bench
		b.commitWhile(1, 0, func() { leases[0].Ack() }, func() { after = b.killed() })
		seqs := after.left()
		if len(seqs) != 100 || seqs[0] != 2 {
			t.Errorf("%d came, from %v on; want the second of each pair", len(seqs), seqs[:min(len(seqs), 3)])
		}
		after.stop()
		b.flush()
		after = b.killed()
		if seqs := after.left(); len(seqs) != 99 || seqs[0] != 4 {
			t.Errorf("%d came, from %v on; want all but one", len(seqs), seqs[:min(len(seqs), 3)])
		}
		after.stop()
		b.stop()
	})
}

// TestRetriedSurvivesAKill: what was put back is queued in the file at once, in
// whatever place of its block it was.
func TestRetriedSurvivesAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := onBench(t, hour(t))
		ids := b.add(Telemetry, 3)
		b.flush()
		l := b.next(3)
		l.Dead(ids[1], errors.New("no"))
		l.Release()
		b.flush()
		if n, err := b.RetryDead(t.Context(), ids[1]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		after := b.killed()
		if seqs := after.left(); fmt.Sprint(seqs) != "[1 2 3]" {
			t.Errorf("%v came, want 1, 2 and 3", seqs)
		}
		after.stop()
		b.stop()
	})
}

// TestRetriedAmongNew: a record that is put back before its neighbours are on disk
// is not hidden by the block that they come into.
func TestRetriedAmongNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hour(t)
		o.MaxMemory = 9000 // a transaction takes a quarter of it
		b := onBench(t, o)
		ids := b.add(Telemetry, 40)
		l := b.next(40)
		l.Dead(ids[35], errors.New("no"))
		l.Release()
		b.commitWhile(0, 0, func() {}, func() {})
		if n, err := b.RetryDead(t.Context(), ids[35]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		b.flush()
		b.inOrder()
		seqs := b.left()
		if len(seqs) != 40 || !slices.IsSorted(seqs) {
			t.Errorf("%v came, want 1 to 40", seqs)
		}
		b.stop()
	})
}

// TestNumbersGoOn: commits are counted across starts, because salvage takes the
// one with the higher number for the later one.
func TestNumbersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := onBench(t, hour(t))
		b.add(Telemetry, 1)
		b.flush()
		before := b.txn
		b = b.again()
		b.add(Telemetry, 1)
		b.flush()
		if b.txn <= before {
			t.Errorf("commit %d follows on %d", b.txn, before)
		}
		b.stop()
	})
}
