package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestDamagedFiles: nothing a file holds ends the process or keeps the store shut,
// and what is lost of it is in the ledger.
func TestDamagedFiles(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for _, clean := range []bool{true, false} {
		o := filled(t, 1000, clean)
		whole, err := os.ReadFile(filepath.Join(o.Dir, "queue.db"))
		if err != nil {
			t.Fatal(err)
		}
		pages := len(whole) / 4096
		for i := range rounds {
			seed := uint64(i)
			rnd := rand.New(rand.NewPCG(seed, 7))
			file := bytes.Clone(whole)
			what := ""
			switch i % 6 {
			case 0:
				what, file = "cut", file[:rnd.IntN(len(file))]
			case 1:
				p := rnd.IntN(pages)
				what = fmt.Sprintf("page %d zero", p)
				clear(file[p*4096:][:4096])
			case 2:
				what = "bits"
				for range 1 + rnd.IntN(20) {
					file[rnd.IntN(len(file))] ^= 1 << rnd.IntN(8)
				}
			case 3:
				what = "random pages"
				for range 20 {
					p := rnd.IntN(pages) * 4096
					for j := range 4096 {
						file[p+j] = byte(rnd.Uint32())
					}
				}
			case 4:
				what = "page headers"
				for p := 2; p < pages; p++ {
					file[p*4096+rnd.IntN(32)] ^= byte(rnd.Uint32())
				}
			case 5:
				a, b := rnd.IntN(pages), rnd.IntN(pages)
				what = fmt.Sprintf("page %d is page %d", a, b)
				copy(file[a*4096:][:4096], whole[b*4096:])
			}
			name := fmt.Sprintf("clean=%v seed=%d %s", clean, seed, what)
			d := o
			d.Dir, d.NoSync = t.TempDir(), true
			if err := os.WriteFile(filepath.Join(d.Dir, "queue.db"), file, 0o600); err != nil {
				t.Fatal(err)
			}
			worksSomehow(t, name, d)
		}
	}
}

// worksSomehow starts a store on a damaged file and uses all of it. Counters may
// be off by what was damaged without a trace; IDs and order may not.
func worksSomehow(t *testing.T, name string, o store.Options) {
	ctx, cancel := context.WithTimeout(bg, time.Minute)
	defer cancel()
	s := store.New(o)
	run, stop := context.WithCancel(bg)
	end := make(chan error, 1)
	go func() { end <- s.Run(run) }()
	tk, err := s.Append(ctx, storetest.Rec(store.Alarm, "alarm"))
	if err != nil {
		t.Fatalf("%s: append: %v", name, err)
	}
	if err := tk.Durable(ctx); err != nil {
		t.Errorf("%s: durable: %v, %+v", name, err, s.Stats())
	}
	seen := map[store.ID]bool{}
	for !seen[tk.IDs()[0]] {
		l, err := s.Next(ctx, store.Want{Records: 100})
		if err != nil {
			t.Fatalf("%s: next: %v, %+v", name, err, s.Stats())
		}
		for _, r := range l.Records() {
			if seen[r.ID] {
				t.Errorf("%s: record %s came twice", name, r.ID)
			}
			seen[r.ID] = true
		}
		l.Ack()
	}
	s.Flush(ctx)
	s.DeadLetters(ctx)
	s.Losses(ctx)
	s.Journal().Begin(ctx, store.Command{MessageID: "m", Seq: 1})
	for c, p := range s.Stats().PerClass {
		if p.Produced != p.Delivered+p.Queued+p.Dead+p.Lost {
			t.Errorf("%s: class %d: %+v", name, c, p)
		}
		if p.Queued > 1<<40 {
			t.Errorf("%s: class %d: %d queued", name, c, p.Queued)
		}
	}
	stop()
	if err := <-end; err != nil {
		t.Errorf("%s: run: %v", name, err)
	}
}

// TestDamagedWhileRunning: the file is spoilt under the running store.
func TestDamagedWhileRunning(t *testing.T) {
	for seed := range uint64(20) {
		o := filled(t, 600, seed%2 == 0)
		o.CommitEvery = time.Millisecond
		s := store.New(o)
		stop := storetest.Start(t, s)
		storetest.Ready(t, s)
		held := storetest.Next(t, s, store.Want{Records: 50})
		f, err := os.OpenFile(filepath.Join(o.Dir, "queue.db"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := f.Stat()
		junk := make([]byte, info.Size()-8192)
		for i := range junk {
			junk[i] = byte(i * 7)
		}
		if _, err := f.WriteAt(junk, 8192); err != nil {
			t.Fatal(err)
		}
		if seed%4 == 0 {
			if err := f.Truncate(8192); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		tk := storetest.Append(t, s, storetest.Rec(store.Alarm, "alarm"))
		if err := tk.Durable(bg); err != nil {
			t.Errorf("durable: %v", err)
		}
		if st, err := s.Journal().Begin(bg, store.Command{MessageID: "m", Seq: 1}); err != nil || st.Phase != store.PhaseStarted {
			t.Errorf("the journal was not carried over: %s, %v", st.Phase, err)
		}
		held.Release()
		got := map[store.ID]bool{}
		for _, r := range storetest.Drained(t, s, o) {
			got[r.ID] = true
		}
		for _, r := range held.Records() {
			if !got[r.ID] {
				t.Errorf("record %s was in memory and is lost", r.ID)
			}
		}
		if st := s.Stats(); st.LostByReason[store.LostQuarantine] == 0 {
			t.Errorf("nothing in the ledger: %+v", st)
		}
		stop()
		s = store.New(o)
		stop = storetest.Start(t, s)
		if st, err := s.Journal().Begin(bg, store.Command{MessageID: "m", Seq: 1}); err != nil || st.Phase != store.PhaseStarted {
			t.Errorf("the journal is not in the new file: %s, %v", st.Phase, err)
		}
		stop()
		storetest.Verify(t, o)
		if len(asides(t, o.Dir)) != 1 {
			t.Errorf("set aside: %v", asides(t, o.Dir))
		}
	}
}

// TestReadersMeetDamage: whoever meets a damaged leaf in a file that was closed
// cleanly gets an answer, and the store goes on with what is whole.
func TestReadersMeetDamage(t *testing.T) {
	readers := map[string]func(s *store.Store) error{
		"peek":         func(s *store.Store) error { _, err := s.Peek(bg, store.AllClasses, 10_000); return err },
		"export":       func(s *store.Store) error { return s.Export(bg, func(store.Record) error { return nil }) },
		"dead letters": func(s *store.Store) error { _, err := s.DeadLetters(bg); return err },
		"flush":        func(s *store.Store) error { return s.Flush(bg) },
		"retry":        func(s *store.Store) error { _, err := s.RetryDead(bg); return err },
	}
	o := filled(t, 1000, true)
	whole, err := os.ReadFile(filepath.Join(o.Dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	stride := 1
	if testing.Short() {
		stride = 4
	}
	for name, read := range readers {
		for p := 2; p < used(whole); p += stride {
			d := o
			d.Dir, d.NoSync = t.TempDir(), true
			file := bytes.Clone(whole)
			clear(file[p*4096:][:4096])
			if err := os.WriteFile(filepath.Join(d.Dir, "queue.db"), file, 0o600); err != nil {
				t.Fatal(err)
			}
			s := store.New(d)
			stop := storetest.Start(t, s)
			storetest.Ready(t, s)
			if err := read(s); err != nil && name != "retry" && !errors.Is(err, store.ErrPartial) {
				t.Errorf("%s with page %d zero: %v", name, p, err)
			}
			storetest.Append(t, s, storetest.Rec(store.Alarm, "alarm"))
			storetest.Flush(t, s)
			storetest.Drained(t, s, d)
			stop()
		}
	}
}
