package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// TestCommitInLimbo: a commit whose end is unknown is believed to have happened
// exactly when the file says so.
func TestCommitInLimbo(t *testing.T) {
	for _, landed := range []bool{true, false} {
		t.Run(fmt.Sprintf("landed=%v", landed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testLimbo(t, landed) })
		})
	}
}

func testLimbo(t *testing.T, landed bool) {
	ctx, cancel := context.WithCancel(t.Context())
	s := New(Options{Dir: t.TempDir(), CommitEvery: time.Hour})
	end := make(chan error)
	go func() { end <- s.Run(ctx) }()
	add := func(n int) {
		for range n {
			if _, err := s.Append(ctx, Record{ID: ID{Class: Telemetry}, Body: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	next := func(n int) *Lease {
		l, err := s.Next(ctx, Want{Records: n})
		if err != nil || len(l.Records()) != n {
			t.Fatalf("lease %v, %v; want %d", l, err, n)
		}
		return l
	}
	add(10)
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	l := next(4)
	l.Ack(l.Records()[0].ID)
	l.Dead(l.Records()[1].ID, errors.New("no"))
	add(5)
	wantPhase := PhaseNew
	s.io <- struct{}{}
	s.mu.Lock()
	it := &journalItem{JournalEntry: JournalEntry{Command: Command{MessageID: "m", Seq: 1}}}
	it.key = commandKey(&it.Command)
	r := s.request(it, it.JournalEntry, true)
	s.mu.Unlock()
	synctest.Wait() // the committer waits for the file: what follows is done in its stead

	s.mu.Lock()
	b := s.build(false)
	s.mu.Unlock()
	if landed {
		if err := s.disk.update(func(tx *bolt.Tx) error { return s.write(tx, b) }); err != nil {
			t.Fatal(err)
		}
		wantPhase = PhaseStarted
	}
	s.mu.Lock()
	s.limbo = b
	s.troubled(fmt.Errorf("%w: input/output error", errCommit))
	s.mu.Unlock()
	<-s.io
	if err := s.await(ctx, r); (err == nil) != landed {
		t.Errorf("begin: %v", err)
	}
	if st, err := s.Journal().Begin(ctx, Command{MessageID: "m", Seq: 1}); err != nil || st.Phase != wantPhase {
		t.Errorf("begin again: %s, %v; want %s", st.Phase, err, wantPhase)
	}
	l.Ack()
	next(11).Ack()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.PerClass[Telemetry] != (ClassStats{Produced: 15, Delivered: 14, Dead: 1}) || st.LastError != "" {
		t.Errorf("stats %+v", st)
	}
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
	s = New(s.o)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() { end <- s.Run(ctx) }()
	if dl, err := s.DeadLetters(ctx); err != nil || len(dl) != 1 {
		t.Errorf("dead letters %v, %v", dl, err)
	}
	if st := s.Stats(); st.PerClass[Telemetry] != (ClassStats{Produced: 15, Delivered: 14, Dead: 1}) {
		t.Errorf("after the restart %+v", st.PerClass)
	}
	cancel()
	<-end
}
