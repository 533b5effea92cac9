package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// bg is the context of calls that end by themselves.
var bg = context.Background()

// filled makes a folder with a queue of n records, stopped cleanly or copied away
// while it ran, and returns its options.
func filled(t testing.TB, n int, clean bool) store.Options {
	t.Helper()
	o := store.Options{Dir: t.TempDir(), DeadMax: 5}
	s := store.New(o)
	stop := storetest.Start(t, s)
	for i := range n {
		c := store.Telemetry
		if i%10 == 0 {
			c = store.Alarm
		}
		storetest.Append(t, s, storetest.Rec(c, fmt.Sprintf("%0*d", 20+i%500, i)))
		if i%100 == 0 {
			storetest.Flush(t, s)
		}
	}
	storetest.Flush(t, s)
	l := storetest.Next(t, s, store.Want{Records: n / 3})
	for i, r := range l.Records() {
		switch {
		case i%50 == 0:
			l.Dead(r.ID, errors.New("no"))
		case i%2 == 0:
			l.Ack(r.ID)
		}
	}
	c := store.Command{MessageID: "m", Seq: 1}
	if _, err := s.Journal().Begin(bg, c); err != nil {
		t.Fatal(err)
	}
	storetest.Flush(t, s)
	if clean {
		stop()
		return o
	}
	again := o
	again.Dir = t.TempDir()
	for _, name := range []string{"identity", "queue.db"} {
		b, err := os.ReadFile(filepath.Join(o.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(again.Dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	return again
}

// starts says that a store in the folder of o opens its file and works.
func starts(t testing.TB, o store.Options) store.Stats {
	t.Helper()
	s := store.New(o)
	stop := storetest.Start(t, s)
	storetest.Ready(t, s)
	tk := storetest.Append(t, s, storetest.Rec(store.Alarm, "alarm"))
	if err := tk.Durable(bg); err != nil {
		t.Errorf("durable: %v", err)
	}
	st := s.Stats()
	storetest.Drained(t, s, o)
	stop()
	storetest.Verify(t, o)
	return st
}

func asides(t testing.TB, dir string) []string {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(dir, "corrupt-*", "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestForeignFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty":     {},
		"text":      []byte("this is no queue\n"),
		"zeros":     make([]byte, 100_000),
		"ones":      bytes.Repeat([]byte{0xff}, 100_000),
		"other":     foreign,
		"one page":  foreign[:4096],
		"two pages": foreign[:8192],
		"sqlite":    append([]byte("SQLite format 3\x00"), make([]byte, 8192)...),
	} {
		t.Run(name, func(t *testing.T) {
			o := store.Options{Dir: t.TempDir()}
			if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			st := starts(t, o)
			got := asides(t, o.Dir)
			if len(got) != 1 {
				t.Fatalf("set aside: %v", got)
			}
			if b, err := os.ReadFile(got[0]); err != nil || !bytes.Equal(b, content) {
				t.Errorf("the file set aside has %d bytes, %v", len(b), err)
			}
			if _, ok := st.LostByReason[store.LostQuarantine]; !ok {
				t.Errorf("no ledger entry: %v", st.LostByReason)
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		o := store.Options{Dir: t.TempDir()}
		if err := os.MkdirAll(filepath.Join(o.Dir, "queue.db", "in it"), 0o700); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
		if got := asides(t, o.Dir); len(got) != 1 {
			t.Errorf("set aside: %v", got)
		}
	})
	t.Run("leftover", func(t *testing.T) {
		o := store.Options{Dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(o.Dir, "queue.db.new"), foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
		if got := asides(t, o.Dir); len(got) != 0 {
			t.Errorf("set aside: %v", got)
		}
	})
}

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

func TestQuarantineIsBounded(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	for range 6 {
		if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
	}
	got := asides(t, o.Dir)
	if len(got) != 3 || !strings.Contains(got[2], "corrupt-6") {
		t.Errorf("set aside: %v", got)
	}
}

func TestTwoAgents(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s := storetest.Open(t, o)
	storetest.Ready(t, s)
	before, err := os.ReadFile(filepath.Join(o.Dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	err = store.New(o).Run(bg)
	if want := fmt.Sprintf("open queue %s: locked by another process", filepath.Join(o.Dir, "queue.db")); err == nil || err.Error() != want {
		t.Errorf("second run: %v, want %s", err, want)
	}
	after, err := os.ReadFile(filepath.Join(o.Dir, "identity"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the second run changed the identity: %s", after)
	}
}

// TestUncleanStops: a kill is one entry, a clean stop is none, and a start that
// never opened the file is told of by the next.
func TestUncleanStops(t *testing.T) {
	o := filled(t, 100, false)
	o.CommitEvery = 3 * time.Second
	s := store.New(o)
	stop := storetest.Start(t, s)
	l, err := s.Losses(bg)
	if err != nil || len(l) != 1 || l[0].Reason != store.LostUncleanStop || l[0].Class != store.Telemetry || l[0].Count != 0 || l[0].Within != 30*time.Second || l[0].Epoch != 1 {
		t.Errorf("after a kill: %+v, %v", l, err)
	}
	stop()
	s = store.New(o)
	stop = storetest.Start(t, s)
	if l, err := s.Losses(bg); err != nil || len(l) != 1 {
		t.Errorf("after a clean stop: %+v, %v", l, err)
	}
	stop()

	blocked := filepath.Join(o.Dir, "queue.db.away")
	if err := os.Rename(filepath.Join(o.Dir, "queue.db"), blocked); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(o.Dir, "nowhere", "queue.db"), filepath.Join(o.Dir, "queue.db.new")); err != nil {
		t.Skip(err)
	}
	s = store.New(o)
	stop = storetest.Start(t, s)
	if err := s.Flush(bg); err == nil || s.Stats().Ready {
		t.Errorf("flush without a file: %v", err)
	}
	stop()
	if err := errors.Join(os.Remove(filepath.Join(o.Dir, "queue.db.new")), os.Rename(blocked, filepath.Join(o.Dir, "queue.db"))); err != nil {
		t.Fatal(err)
	}
	s = store.New(o)
	stop = storetest.Start(t, s)
	if l, err := s.Losses(bg); err != nil || len(l) != 2 || l[1].Reason != store.LostNoDisk {
		t.Errorf("after a start without the file: %+v, %v", l, err)
	}
	stop()
	storetest.Verify(t, o)
}

// TestJournalLost: a command older than the loss of the journal may have been
// executed, a younger one has not.
func TestJournalLost(t *testing.T) {
	o := filled(t, 10, true)
	if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		s := store.New(o)
		stop := storetest.Start(t, s)
		for age, unsure := range map[time.Duration]bool{time.Minute: true, -time.Hour: false} {
			c := store.Command{MessageID: fmt.Sprint(age, round), EnqueuedAt: time.Now().Add(-age)}
			if st, err := s.Journal().Begin(bg, c); err != nil || st.Phase != store.PhaseNew || st.Unsure != unsure {
				t.Errorf("begin of a command enqueued %v ago: %+v, %v; want unsure %v", age, st, err, unsure)
			}
		}
		stop()
	}
}
