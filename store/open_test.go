package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	tooLong := strings.Repeat("q", 253) // with what is put behind it
	if err := os.Symlink(filepath.Join(o.Dir, tooLong), filepath.Join(o.Dir, "queue.db")); err != nil {
		t.Skip(err)
	}
	s = store.New(o)
	stop = storetest.Start(t, s)
	if err := s.Flush(bg); err == nil || s.Stats().Ready {
		t.Errorf("flush without a file: %v", err)
	}
	stop()
	if err := errors.Join(os.Remove(filepath.Join(o.Dir, "queue.db")), os.Rename(blocked, filepath.Join(o.Dir, "queue.db"))); err != nil {
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
