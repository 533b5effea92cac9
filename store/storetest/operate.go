package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// Exported returns what is queued, without taking it.
func Exported(t testing.TB, s *store.Store) (out []store.Record) {
	t.Helper()
	err := s.Export(ctx(t), func(r store.Record) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Errorf("export: %v", err)
	}
	return out
}

func testRetryDead(b *bench) {
	s, stop := b.open(store.Options{})
	for i := range 30 {
		Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
	}
	Flush(b, s)
	l := Next(b, s, store.Want{Records: 20})
	recs := l.Records()
	for i, r := range recs {
		if i%4 == 0 {
			l.Dead(r.ID, errors.New("no"))
		} else if i%4 == 1 {
			l.Ack(r.ID)
		}
	}
	l.Release()
	if n, err := s.RetryDead(ctx(b), recs[0].ID, recs[4].ID, recs[4].ID, recs[1].ID); n != 2 || err != nil {
		b.Errorf("retry = %d, %v; want 2", n, err)
	}
	if n, err := s.DropDead(ctx(b), recs[8].ID); n != 1 || err != nil {
		b.Errorf("drop = %d, %v; want 1", n, err)
	}
	if n, err := s.DropDead(ctx(b), recs[8].ID); n != 0 || err != nil {
		b.Errorf("drop again = %d, %v", n, err)
	}
	stop()
	s, _ = b.open(store.Options{})
	if n, err := s.RetryDead(ctx(b)); n != 2 || err != nil {
		b.Errorf("retry of the rest = %d, %v; want 2", n, err)
	}
	if st := s.Stats(); st.PerClass[store.Telemetry].Dead != 0 || st.LostByReason[store.LostDropped] != 1 || st.PerClass[store.Telemetry].Queued != 24 {
		b.Errorf("counters %+v %v", st.PerClass[store.Telemetry], st.LostByReason)
	}
	got := Drained(b, s, store.Options{})
	got = slices.DeleteFunc(got, func(r store.Record) bool { return r.Kind == store.KindLedger })
	if want := "0 2 3 4 6 7 10 11 12 14 15 16 18 19 20 21 22 23 24 25 26 27 28 29"; bodies(got) != want {
		b.Errorf("left %s, want %s", bodies(got), want)
	}
	if len(got) > 3 && got[3].ID != recs[4].ID {
		b.Errorf("the record put back is %s, was %s", got[3].ID, recs[4].ID)
	}
}

func testPeekExport(b *bench) {
	s, stop := b.open(store.Options{CommitEvery: time.Hour})
	Append(b, s, Rec(store.Telemetry, "t1"), Rec(store.Alarm, "a1"), Rec(store.Telemetry, "t2"))
	stop()
	s, _ = b.open(store.Options{CommitEvery: time.Hour})
	Append(b, s, Rec(store.Telemetry, "t3"), Rec(store.Debug, "d1"), Rec(store.Telemetry, "t4"))
	l := Next(b, s, store.Want{Records: 3, Classes: []store.Class{store.Telemetry}})
	l.Ack(l.Records()[1].ID)
	check := func() {
		b.Helper()
		if got := bodies(Exported(b, s)); got != "a1 t1 t3 t4 d1" {
			b.Errorf("export gave %q", got)
		}
		for want, c := range map[string]store.Class{"t1 t3": store.Telemetry, "a1 t1": store.AllClasses, "": store.Result} {
			if got, err := s.Peek(ctx(b), c, 2); err != nil || bodies(got) != want {
				b.Errorf("peek = %q, %v; want %q", bodies(got), err, want)
			}
		}
	}
	check()
	Flush(b, s)
	check()
	stopped := errors.New("enough")
	if err := s.Export(ctx(b), func(store.Record) error { return stopped }); err != stopped {
		b.Errorf("export = %v", err)
	}
	l.Release()
	Append(b, s, Rec(store.Telemetry, "t5"))
	if got := bodies(Exported(b, s)); got != "a1 t1 t3 t4 t5 d1" {
		b.Errorf("export gave %q", got)
	}
}

func testThinOut(b *bench) {
	o := store.Options{MaxBytes: 100_000, KeepOneIn: 3}
	o.Overflow[store.Telemetry] = store.ThinOut
	s, _ := b.open(o)
	for range 60 {
		for range 10 {
			Append(b, s, Rec(store.Telemetry, Noise(300)))
		}
		Flush(b, s)
	}
	st := s.Stats()
	if n := st.LostByReason[store.LostThinned]; n < 200 || n != st.PerClass[store.Telemetry].Lost {
		b.Errorf("%d thinned, counters %+v", n, st.PerClass[store.Telemetry])
	}
	got := Drained(b, s, o)
	var first, last uint64
	for _, r := range got {
		if r.Class == store.Telemetry {
			if first == 0 {
				first = r.Seq
			}
			last = r.Seq
		}
	}
	if first != 1 || last != 600 {
		b.Errorf("what is left spans %d to %d", first, last)
	}
}

func testRefuse(b *bench) {
	o := store.Options{MaxBytes: 100_000}
	o.Overflow[store.Telemetry] = store.Refuse
	s, _ := b.open(o)
	taken := 0
	for range 300 {
		if _, err := s.Append(ctx(b), Rec(store.Telemetry, Noise(900))); err == nil {
			taken++
		} else if !errors.Is(err, store.ErrRefused) {
			b.Fatal(err)
		}
		Flush(b, s)
	}
	st := s.Stats()
	if taken < 50 || st.Refused != uint64(300-taken) || st.PerClass[store.Telemetry].Lost != 0 {
		b.Errorf("%d taken, %d refused, %+v", taken, st.Refused, st.PerClass[store.Telemetry])
	}
	Append(b, s, Rec(store.Alarm, Noise(900)))
	Flush(b, s)
	if p := s.Stats().PerClass; p[store.Alarm].Queued != 1 || p[store.Telemetry].Lost != 0 {
		b.Errorf("an alarm found no room in the reserve: %+v", p)
	}
}

// testReserve: telemetry leaves room to alarms.
func testReserve(b *bench) {
	s, _ := b.open(store.Options{MaxBytes: 100_000, Reserve: 40_000})
	for range 100 {
		Append(b, s, Rec(store.Telemetry, Noise(900)))
		Flush(b, s)
	}
	if n := s.Stats().StoredBytes; n > 80_000 {
		b.Errorf("telemetry took %d bytes", n)
	}
}

func testMaxAge(b *bench) {
	c := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Follow()
	o := store.Options{Dir: b.dir, Clock: c, MaxAge: 10 * time.Hour}
	rec := func(body string) store.Record {
		r := Rec(store.Telemetry, body)
		r.Stamp = c.Now()
		return r
	}
	s := b.new(b, o)
	stop := Start(b, s)
	Ready(b, s)
	Append(b, s, rec("old"))
	time.Sleep(6 * time.Hour)
	Append(b, s, rec("young"))
	Flush(b, s)
	stop()
	c.Reboot()
	time.Sleep(5 * time.Hour) // eleven in all, powered
	s = b.new(b, o)
	Start(b, s)
	Ready(b, s)
	Append(b, s, rec("new"))
	Flush(b, s)
	var got []store.Record
	for _, r := range Exported(b, s) {
		if r.Class == store.Telemetry {
			got = append(got, r)
		}
	}
	if bodies(got) != "young new" || s.Stats().LostByReason[store.LostTooOld] != 1 {
		b.Errorf("left %q, lost %v", bodies(got), s.Stats().LostByReason)
	}
	boots := s.Boots().Entries()
	if len(boots) != 2 || boots[0].Powered != 6*time.Hour {
		b.Errorf("boots %+v", boots)
	}
}

// testBoots: a stamp taken before the clock was set is dated by what was learned
// later in its boot, also after a reboot.
func testBoots(b *bench) {
	c := clock.NewFake(time.Unix(0, 0)).Follow()
	c.SetTrust(clock.TrustNone)
	o := store.Options{Dir: b.dir, Clock: c}
	s := b.new(b, o)
	stop := Start(b, s)
	Ready(b, s)
	early := c.Now()
	r := Rec(store.Telemetry, "early")
	r.Stamp = early
	Append(b, s, r)
	time.Sleep(time.Minute)
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	c.SetWall(noon)
	c.SetTrust(clock.TrustSynced)
	stop()
	c.Reboot()
	s = b.new(b, o)
	Start(b, s)
	Ready(b, s)
	if at, unc := s.Boots().Resolve(early); !at.Equal(noon.Add(-time.Minute)) || unc != 0 {
		b.Errorf("resolved to %v ± %v", at, unc)
	}
}

func testStretch(b *bench) {
	const budget = 8 << 20 // what a new file writes ahead is small beside the quarter that may go at once
	s, _ := b.open(store.Options{CommitEvery: time.Second, DailyWrites: budget})
	every := s.Stats().CommitEvery
	for range 1000 {
		Append(b, s, Rec(store.Telemetry, strings.Repeat("x", 50)))
		time.Sleep(time.Second)
	}
	st := s.Stats()
	if every != time.Second || st.CommitEvery < time.Minute || st.Stretched == "" || st.WriteBudget != budget || st.WrittenToday < budget/4 || st.WrittenToday > budget {
		b.Errorf("every %v, then %v (%s), written %d of %d", every, st.CommitEvery, st.Stretched, st.WrittenToday, st.WriteBudget)
	}
}
