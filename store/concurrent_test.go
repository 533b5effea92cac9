package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestConcurrent has everything done at once by many; the race detector and the
// equation judge.
func TestConcurrent(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), CommitEvery: time.Millisecond, MaxBytes: 200_000, MaxMemory: 100_000, DeadMax: 50}
	s := storetest.Open(t, o)
	var producers, others sync.WaitGroup
	ctx, cancel := context.WithCancel(bg)
	for range 4 {
		producers.Go(func() {
			for i := range 500 {
				c := store.Class(rand.N(store.Classes))
				tk, err := s.Append(bg, storetest.Rec(c, strings.Repeat("x", rand.N(500))))
				if errors.Is(err, store.ErrRefused) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if i%20 == 0 {
					if err := tk.Durable(bg); err != nil && !errors.Is(err, store.ErrVolatile) && !errors.Is(err, store.ErrLost) {
						t.Error(err)
					}
				}
			}
		})
	}
	for n := range 2 {
		producers.Go(func() {
			for i := range uint64(50) {
				c := store.Command{MessageID: strings.Repeat("m", n+1), Seq: i}
				st, err := s.Journal().Begin(bg, c)
				if err != nil {
					t.Error(err)
				}
				if st.Phase == store.PhaseNew {
					if err := s.Journal().Finish(bg, c, store.Outcome{Verdict: store.Completed}, storetest.Rec(store.Result, "r")); err != nil && !errors.Is(err, store.ErrRefused) {
						t.Error(err)
					}
				}
			}
		})
	}
	var mu sync.Mutex
	accepted := map[store.ID]bool{}
	for range 3 {
		others.Go(func() {
			for {
				l, err := s.Next(ctx, store.Want{Records: 1 + rand.N(40), LiveFirst: rand.N(2) == 0})
				if err != nil {
					return
				}
				for _, r := range l.Records() {
					switch rand.N(8) {
					case 0:
						l.Dead(r.ID, errors.New("no"))
					case 1:
						l.Release(r.ID)
					case 2:
					default:
						mu.Lock()
						if accepted[r.ID] {
							t.Errorf("record %s was accepted already", r.ID)
						}
						accepted[r.ID] = true
						mu.Unlock()
						l.Ack(r.ID)
					}
				}
				l.Release()
			}
		})
	}
	others.Go(func() {
		for ctx.Err() == nil {
			storetest.Check(t, s)
			if _, err := s.Losses(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			if _, err := s.DeadLetters(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			s.Journal().Entries()
			if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	producers.Wait()
	cancel()
	others.Wait()
}
