package storetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

func command(id string, seq uint64) store.Command {
	return store.Command{MessageID: id, Seq: seq, EnqueuedAt: time.Unix(1_800_000_000+int64(seq), 0).UTC(), Door: "devicebound", Name: "ping"}
}

func (b *bench) begin(s *store.Store, c store.Command, want store.Phase, o store.Outcome) {
	b.Helper()
	st, err := s.Journal().Begin(ctx(b), c)
	if err != nil || st.Phase != want || st.Outcome != o {
		b.Errorf("begin %q/%d = %s %+v, %v; want %s %+v", c.MessageID, c.Seq, st.Phase, st.Outcome, err, want, o)
	}
}

func (b *bench) finish(s *store.Store, c store.Command, o store.Outcome, body string) {
	b.Helper()
	if err := s.Journal().Finish(ctx(b), c, o, Rec(store.Result, body)); err != nil {
		b.Errorf("finish %q: %v", c.MessageID, err)
	}
}

func testJournalPhases(b *bench) {
	none := store.Outcome{}
	done := store.Outcome{Verdict: store.Completed}
	no := store.Outcome{Verdict: store.Rejected, Condition: "amqp:not-found", Reason: "no such action"}
	s, stop := b.open(store.Options{CommitEvery: time.Hour})
	before := b.settled(s)
	start := time.Now()

	b.begin(s, command("a", 1), store.PhaseNew, none)
	if n := s.Stats().Commits - before.Commits; n != 1 {
		b.Errorf("%d commits for one begin", n)
	}
	b.begin(s, command("a", 1), store.PhaseStarted, none)
	b.begin(s, command("a", 2), store.PhaseDuplicate, none)
	b.finish(s, command("a", 1), done, "result a")
	if n := s.Stats().Commits - before.Commits; n != 2 {
		b.Errorf("%d commits for begin and finish", n)
	}
	b.begin(s, command("a", 1), store.PhaseDone, done)
	b.begin(s, command("a", 3), store.PhaseDuplicate, done)
	b.finish(s, command("a", 3), done, "result a again")
	b.begin(s, command("a", 3), store.PhaseDone, done)
	if err := s.Journal().Finish(ctx(b), command("a", 1), done, Rec(store.Result, "twice")); err == nil {
		b.Error("finish twice went well")
	}
	b.begin(s, command("", 7), store.PhaseNew, none)
	later := command("", 7)
	later.EnqueuedAt = later.EnqueuedAt.Add(time.Second)
	b.begin(s, later, store.PhaseNew, none)
	b.finish(s, command("", 7), no, "result 7")
	b.begin(s, command("open", 9), store.PhaseNew, none)
	beyond := command("beyond", 1)
	beyond.EnqueuedAt = time.UnixMilli(1 << 62)
	b.begin(s, beyond, store.PhaseNew, none)
	b.finish(s, beyond, done, "beyond")
	if d := time.Since(start); d != 0 {
		b.Errorf("the journal took %v of waiting", d)
	}
	if got := s.Journal().Entries(); len(got) != 6 || got[1].Command != command("open", 9) || got[5].Outcome != done || got[5].Result.Seq != 1 {
		b.Errorf("entries %+v", got)
	}
	stop()

	s, _ = b.open(store.Options{})
	b.begin(s, command("a", 1), store.PhaseDone, done)
	b.begin(s, command("a", 8), store.PhaseDuplicate, done)
	b.begin(s, command("", 7), store.PhaseDone, no)
	b.begin(s, later, store.PhaseStarted, none)
	b.begin(s, command("open", 9), store.PhaseStarted, none)
	b.finish(s, command("open", 9), no, "interrupted")
	if got := s.Journal().Entries(); len(got) != 6 || got[1].Result.Epoch != s.Stats().Epoch || got[1].Ended.IsZero() {
		b.Errorf("entries %+v", got)
	}
	if got := bodies(Drained(b, s, store.Options{})); got != "result a result a again result 7 beyond interrupted" {
		b.Errorf("results: %s", got)
	}
}

func testJournalBounds(b *bench) {
	done := store.Outcome{Verdict: store.Completed}
	o := store.Options{JournalSize: 5, JournalAge: time.Hour}
	s, stop := b.open(o)
	b.begin(s, command("kept", 1000), store.PhaseNew, store.Outcome{})
	for i := range uint64(20) {
		c := command(fmt.Sprint(i), i)
		b.begin(s, c, store.PhaseNew, store.Outcome{})
		b.finish(s, c, done, "r")
	}
	b.begin(s, command("kept", 1000), store.PhaseStarted, store.Outcome{})
	b.begin(s, command("19", 19), store.PhaseDone, done)
	b.begin(s, command("3", 3), store.PhaseNew, store.Outcome{})
	if n := len(s.Journal().Entries()); n > 5+2+1 {
		b.Errorf("%d entries", n)
	}
	time.Sleep(2 * time.Hour)
	b.begin(s, command("much later", 50), store.PhaseNew, store.Outcome{})
	stop()
	s, _ = b.open(o)
	b.begin(s, command("kept", 1000), store.PhaseStarted, store.Outcome{})
	if n := len(s.Journal().Entries()); n != 3 {
		b.Errorf("%d entries left of the three that are begun", n)
	}
}

// Commands by one door do not have those of another forgotten.
func testJournalDoors(b *bench) {
	done := store.Outcome{Verdict: store.Completed}
	s, _ := b.open(store.Options{JournalSize: 6})
	obey := func(door string, i uint64) store.Command {
		c := command(fmt.Sprint(door, i), i)
		c.Door = door
		b.begin(s, c, store.PhaseNew, store.Outcome{})
		b.finish(s, c, done, "r")
		return c
	}
	first := obey("devicebound", 1)
	second := obey("devicebound", 2)
	for i := range uint64(20) {
		obey("local", i)
	}
	b.begin(s, first, store.PhaseDone, done)
	b.begin(s, second, store.PhaseDone, done)
	for i := range uint64(20) {
		obey("devicebound", 10+i)
	}
	for i := range uint64(2) {
		c := command(fmt.Sprint("local", 18+i), 18+i)
		c.Door = "local"
		b.begin(s, c, store.PhaseDone, done)
	}
	b.begin(s, first, store.PhaseNew, store.Outcome{})
}

// A promised result outlives a restart and every bound, until it is written once.
func testJournalPromise(b *bench) {
	done := store.Outcome{Verdict: store.Completed}
	o := store.Options{JournalSize: 1}
	s, stop := b.open(o)
	c := command("reboot", 1)
	b.begin(s, c, store.PhaseNew, store.Outcome{})
	for _, note := range []string{"first", "second"} {
		if err := s.Journal().Promise(ctx(b), c, done, note); err != nil {
			b.Errorf("promise: %v", err)
		}
	}
	b.begin(s, c, store.PhaseDone, done)
	if err := s.Journal().Finish(ctx(b), c, done, Rec(store.Result, "finish")); err == nil {
		b.Error("a promised command was finished")
	}
	for i := range uint64(5) {
		other := command(fmt.Sprint(i), 10+i)
		b.begin(s, other, store.PhaseNew, store.Outcome{})
		b.finish(s, other, done, "r")
	}
	stop()

	s, stop = b.open(o)
	b.begin(s, c, store.PhaseDone, done)
	entries := s.Journal().Entries()
	if e := entries[len(entries)-1]; e.Command != c || e.Due != "second" || e.Result != (store.ID{}) {
		b.Errorf("entry %+v", e)
	}
	if err := s.Journal().Fulfil(ctx(b), c, Rec(store.Result, "came back")); err != nil {
		b.Errorf("fulfil: %v", err)
	}
	for _, c := range []store.Command{c, command("0", 10), command("never", 99)} {
		if err := s.Journal().Fulfil(ctx(b), c, Rec(store.Result, "twice")); err == nil {
			b.Errorf("%q was fulfilled with nothing due", c.MessageID)
		}
	}
	if err := s.Journal().Promise(ctx(b), c, done, "again"); err == nil {
		b.Error("a fulfilled command was promised")
	}
	b.begin(s, c, store.PhaseDone, done)
	stop()
	s, _ = b.open(o)
	if got := bodies(Drained(b, s, store.Options{})); got != "r r r r r came back" {
		b.Errorf("results: %s", got)
	}
}

// The age of an entry is the time the gateway was switched on since: what the hub
// holds for a gateway that lay in a drawer is still known to it.
func testJournalAge(b *bench) {
	done := store.Outcome{Verdict: store.Completed}
	now := clock.NewFake(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)).Follow()
	o := store.Options{Dir: b.dir, JournalAge: time.Hour, Clock: now}
	var s *store.Store
	var stop func()
	boot := func() {
		if stop != nil {
			stop()
			now.Reboot()
		}
		s = b.new(b, o)
		stop = Start(b, s)
		Ready(b, s)
	}
	looks := uint64(100)
	last := func() string {
		looks++
		b.begin(s, command(fmt.Sprint("look ", looks), looks), store.PhaseNew, store.Outcome{})
		for _, e := range s.Journal().Entries() {
			if e.Command.MessageID == "a" {
				return e.Command.MessageID
			}
		}
		return ""
	}
	boot()
	b.begin(s, command("a", 1), store.PhaseNew, store.Outcome{})
	b.finish(s, command("a", 1), done, "r")
	time.Sleep(20 * time.Minute)
	b.begin(s, command("b", 2), store.PhaseNew, store.Outcome{}) // the boot is seen to last
	boot()
	now.SetWall(now.Now().Wall.AddDate(1, 0, 0)) // a year in a drawer
	if last() != "a" {
		b.Error("forgotten by the wall clock")
	}
	time.Sleep(50 * time.Minute)
	last() // the commit that forgets
	if last() != "" {
		b.Error("remembered after more than an hour of powered time")
	}
	stop()
}

func testJournalNoDisk(b *bench) {
	b.dir = filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(b.dir, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	s := b.new(b, store.Options{Dir: b.dir})
	Start(b, s)
	if _, err := s.Journal().Begin(ctx(b), command("a", 1)); !errors.Is(err, store.ErrDiskFull) {
		b.Errorf("begin without a disk: %v", err)
	}
	if err := s.Journal().Finish(ctx(b), command("a", 1), store.Outcome{Verdict: store.Completed}, Rec(store.Result, "r")); !errors.Is(err, store.ErrDiskFull) {
		b.Errorf("finish without a disk: %v", err)
	}
	if n := len(s.Journal().Entries()); n != 0 {
		b.Errorf("%d entries", n)
	}
	if st := s.Stats().PerClass[store.Result]; st.Produced != 0 {
		b.Errorf("results %+v", st)
	}
}
