package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fieldpost/store"
)

func testRefused(b *bench) {
	s, _ := b.open(store.Options{MaxRecord: 1000})
	if _, err := s.Append(ctx(b), Rec(store.Telemetry, "small"), Rec(store.Telemetry, strings.Repeat("x", 1001))); !errors.Is(err, store.ErrRefused) {
		b.Errorf("append: %v", err)
	}
	st := s.Stats()
	if st.Refused != 2 || st.PerClass[store.Telemetry].Produced != 0 {
		b.Errorf("refused %d, produced %d", st.Refused, st.PerClass[store.Telemetry].Produced)
	}
}

func (b *bench) losses(s *store.Store, reason string, class store.Class) (out []store.Loss) {
	b.Helper()
	all, err := s.Losses(ctx(b))
	if err != nil {
		b.Fatal(err)
	}
	for _, l := range all {
		if l.Reason == reason && l.Class == class {
			out = append(out, l)
		}
	}
	return out
}

func testQueueFull(b *bench) {
	o := store.Options{MaxBytes: 100_000, CommitBytes: 8000}
	s, stop := b.open(o)
	for range 5 {
		Append(b, s, Rec(store.Alarm, "alarm"))
		Append(b, s, Rec(store.Result, "result"))
	}
	for range 500 {
		Append(b, s, Rec(store.Telemetry, Noise(900)))
		Flush(b, s)
	}
	st := s.Stats()
	tl := st.PerClass[store.Telemetry]
	if tl.Lost < 350 || tl.Queued == 0 || tl.Produced != 500 || st.PerClass[store.Result].Lost != 0 || st.PerClass[store.Alarm].Lost != 0 {
		b.Errorf("counters %+v", st.PerClass)
	}
	var count, last uint64
	for _, l := range b.losses(s, store.LostQueueFull, store.Telemetry) {
		if l.FirstSeq != last+1 || l.Epoch != st.Epoch || l.From.IsZero() || l.To.Before(l.From) {
			b.Errorf("entry %+v after sequence %d", l, last)
		}
		last = l.LastSeq
		count += l.Count
	}
	if count != tl.Lost || last != tl.Lost {
		b.Errorf("ledger tells of %d up to %d, lost are %d", count, last, tl.Lost)
	}
	if n := len(b.losses(s, store.LostQueueFull, store.Telemetry)); n > 2 {
		b.Errorf("%d entries for one range", n)
	}
	stop()
	s, _ = b.open(o)
	if again := s.Stats().PerClass[store.Telemetry]; again != tl {
		b.Errorf("after the restart %+v, before %+v", again, tl)
	}
	var seq uint64
	for _, r := range Drained(b, s, o) {
		if r.Class == store.Telemetry && seq == 0 {
			seq = r.Seq
		}
	}
	if seq != tl.Lost+1 {
		b.Errorf("the oldest left is %d, lost are %d", seq, tl.Lost)
	}
}

// testQueueFullLeased: what is under way to the hub is not evicted.
func testQueueFullLeased(b *bench) {
	o := store.Options{MaxBytes: 50_000}
	s, _ := b.open(o)
	for range 20 {
		Append(b, s, Rec(store.Telemetry, Noise(900)))
	}
	Flush(b, s)
	l := Next(b, s, store.Want{Records: 10})
	back := Next(b, s, store.Want{Records: 10})
	fill := func() {
		for range 200 {
			Append(b, s, Rec(store.Telemetry, Noise(900)))
			Flush(b, s)
		}
	}
	fill()
	l.Ack()
	Flush(b, s)
	Check(b, s)
	if st := s.Stats().PerClass[store.Telemetry]; st.Delivered != 10 || st.Lost == 0 {
		b.Errorf("counters %+v", st)
	}
	back.Release() // like any other from now on
	fill()
	for _, r := range Drained(b, s, o) {
		for _, old := range back.Records() {
			if r.ID == old.ID {
				b.Errorf("released record %s outlived younger ones", r.ID)
			}
		}
	}
}

// testQueueFullOfAlarms: the ledger record of a loss is not the next to be lost,
// which would be another loss to tell of, and so on.
func testQueueFullOfAlarms(b *bench) {
	s, _ := b.open(store.Options{MaxBytes: 10_000})
	var held []*store.Lease // more than the limit: nothing else has room
	for range 3 {
		for range 8 {
			Append(b, s, Rec(store.Alarm, Noise(900)))
		}
		held = append(held, Next(b, s, store.Want{Records: 8}))
	}
	for range 30 {
		Append(b, s, Rec(store.Alarm, Noise(900)))
	}
	Flush(b, s)
	before := s.Stats().Commits
	time.Sleep(time.Hour)
	if n := s.Stats().Commits - before; n > 2 {
		b.Errorf("%d commits while nothing happened", n)
	}
	if p := s.Stats().PerClass[store.Alarm]; p.Lost < 25 {
		b.Errorf("counters %+v", p)
	}
	for _, l := range held {
		l.Ack()
	}
	told := 0
	for _, r := range Drained(b, s, store.Options{}) {
		if r.Kind == store.KindLedger {
			told++
		}
	}
	if told == 0 {
		b.Error("no ledger record came")
	}
}

func testLedgerUpstream(b *bench) {
	o := store.Options{MaxBytes: 50_000}
	s, _ := b.open(o)
	fill := func() {
		for range 100 {
			Append(b, s, Rec(store.Telemetry, Noise(900)))
			Flush(b, s)
		}
	}
	var told uint64
	tell := func() {
		b.Helper()
		l := Next(b, s, store.Want{Records: 10, Classes: []store.Class{store.Alarm}})
		for _, r := range l.Records() {
			var doc struct {
				Losses []struct {
					Reason, Class string
					Count         uint64
				}
			}
			if r.Kind != store.KindLedger || r.ContentType != "application/json" || json.Unmarshal(r.Body, &doc) != nil {
				b.Fatalf("record %+v", r)
			}
			for _, x := range doc.Losses {
				if x.Reason != store.LostQueueFull || x.Class != "telemetry" {
					b.Errorf("loss %+v", x)
				}
				told += x.Count
			}
		}
		if len(l.Records()) != 1 {
			b.Errorf("%d ledger records at once", len(l.Records()))
		}
		l.Ack()
	}
	fill()
	tell()
	tell() // what was lost while the first was on its way
	b.none(s, store.Want{Classes: []store.Class{store.Alarm}})
	if lost := s.Stats().PerClass[store.Telemetry].Lost; told != lost {
		b.Errorf("told of %d, lost are %d", told, lost)
	}
	fill()
	tell()
	tell()
	if lost := s.Stats().PerClass[store.Telemetry].Lost; told != lost {
		b.Errorf("told of %d, lost are %d", told, lost)
	}
}

func testMemoryOnly(b *bench) {
	b.dir = filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(b.dir, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	o := store.Options{Dir: b.dir, MaxMemory: 20_000, MaxRecord: 5000}
	s := b.new(b, o)
	b.Cleanup(func() { Verify(b, o) })
	Start(b, s)
	lost := Append(b, s, Rec(store.Telemetry, Noise(900)))
	kept := Append(b, s, Rec(store.Alarm, "alarm"))
	for range 50 {
		Append(b, s, Rec(store.Telemetry, Noise(900)))
	}
	time.Sleep(time.Hour)
	st := s.Stats()
	if st.Ready || st.LastError == "" || st.Opening == "" || st.IdentityReset == "" || st.Epoch != 1 {
		b.Errorf("stats %+v", st)
	}
	if st.MemoryBytes > 20_000+5000 {
		b.Errorf("%d bytes in memory", st.MemoryBytes)
	}
	if err := lost.Durable(ctx(b)); !errors.Is(err, store.ErrLost) {
		b.Errorf("durable of the oldest: %v", err)
	}
	if st.LostByReason[store.LostMemoryFull] == 0 || st.PerClass[store.Alarm].Lost != 0 {
		b.Errorf("counters %+v", st.PerClass)
	}
	Check(b, s)
	l := Next(b, s, store.Want{Records: 100})
	var class store.Class
	for _, r := range l.Records() {
		if r.Class < class {
			b.Errorf("record %s after class %s", r.ID, class)
		}
		class = r.Class
	}
	l.Ack()
	if err := kept.Durable(ctx(b)); err != nil {
		b.Errorf("durable of the alarm: %v", err)
	}
	// memory full of alarms has no room for telemetry
	for range 100 {
		if _, err := s.Append(ctx(b), Rec(store.Alarm, Noise(900))); err != nil {
			b.Fatal(err)
		}
	}
	before := s.Stats().Refused
	for i := range 3 {
		if _, err := s.Append(ctx(b), Rec(store.Telemetry, strings.Repeat("x", 3000))); i == 2 && !errors.Is(err, store.ErrRefused) {
			b.Errorf("telemetry into memory full of alarms: %v", err)
		}
	}
	if s.Stats().Refused == before {
		b.Error("nothing was counted as refused")
	}
	if err := s.Flush(ctx(b)); err == nil {
		b.Error("flush without a disk went well")
	}
	Check(b, s)
	// the disk comes back
	if err := os.Remove(b.dir); err != nil {
		b.Fatal(err)
	}
	time.Sleep(2 * time.Minute)
	if st := s.Stats(); !st.Ready || st.LastError != "" || st.AtRisk != 0 {
		b.Errorf("after the disk came back: %+v", st)
	}
}

func testBacklog(b *bench) {
	const n = 20_000
	o := store.Options{MaxMemory: 1 << 20, CommitBytes: 256 << 10}
	s, stop := b.open(o)
	for i := range n {
		Append(b, s, Rec(store.Telemetry, fmt.Sprintf("%0200d", i)))
		if i%1000 == 0 {
			Flush(b, s)
		}
		if m := s.Stats().MemoryBytes; m > 1<<20 {
			b.Fatalf("%d bytes in memory", m)
		}
	}
	stop()
	s, _ = b.open(o)
	next, most := 0, uint64(0)
	for next < n {
		l := Next(b, s, store.Want{Records: 700})
		for _, r := range l.Records() {
			if want := fmt.Sprintf("%0200d", next); string(r.Body) != want {
				b.Fatalf("record %d is %s", next, r.Body)
			}
			next++
		}
		l.Ack()
		most = max(most, s.Stats().MemoryBytes)
	}
	if most > 1<<20 {
		b.Errorf("%d bytes in memory while draining", most)
	}
	b.none(s, store.Want{})
}
