package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// NewStore makes a store that is not running yet.
type NewStore func(t testing.TB, o store.Options) *store.Store

// bench is one test of the suite: it opens the same folder as often as it likes.
type bench struct {
	*testing.T
	new NewStore
	dir string
}

// Conformance runs the suite. Time is virtual in it, files are real.
func Conformance(t *testing.T, newStore func(t testing.TB, o store.Options) *store.Store) {
	cases := []struct {
		name string
		f    func(b *bench)
	}{
		{"Identity", testIdentity},
		{"IdentityUnreadable", testIdentityUnreadable},
		{"OrderAfterRestart", testOrderAfterRestart},
		{"LiveFirst", testLiveFirst},
		{"Want", testWant},
		{"Leases", testLeases},
		{"NextWaits", testNextWaits},
		{"RoundTrip", testRoundTrip},
		{"AcceptedBeforeCommit", testAcceptedBeforeCommit},
		{"TelemetryInterval", testTelemetryInterval},
		{"CommitBytes", testCommitBytes},
		{"AlarmNow", testAlarmNow},
		{"Debug", testDebug},
		{"LazyAck", testLazyAck},
		{"SettleOutOfOrder", testSettleOutOfOrder},
		{"Dead", testDead},
		{"DeadBound", testDeadBound},
		{"Refused", testRefused},
		{"QueueFull", testQueueFull},
		{"QueueFullLeased", testQueueFullLeased},
		{"QueueFullOfAlarms", testQueueFullOfAlarms},
		{"LedgerUpstream", testLedgerUpstream},
		{"MemoryOnly", testMemoryOnly},
		{"Flush", testFlush},
		{"Closed", testClosed},
		{"JournalPhases", testJournalPhases},
		{"JournalBounds", testJournalBounds},
		{"JournalDoors", testJournalDoors},
		{"JournalPromise", testJournalPromise},
		{"JournalAge", testJournalAge},
		{"JournalNoDisk", testJournalNoDisk},
		{"Backlog", testBacklog},
		{"RetryDead", testRetryDead},
		{"PeekExport", testPeekExport},
		{"ThinOut", testThinOut},
		{"Refuse", testRefuse},
		{"Reserve", testReserve},
		{"MaxAge", testMaxAge},
		{"Boots", testBoots},
		{"Stretch", testStretch},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.f(&bench{t, newStore, t.TempDir()}) })
		})
	}
}

// open runs a store in the folder of the test and waits until its file is open.
func (b *bench) open(o store.Options) (s *store.Store, stop func()) {
	b.Helper()
	o.Dir, o.Clock = b.dir, wall{}
	s = b.new(b, o)
	b.Cleanup(func() { Verify(b, o) })
	stop = Start(b, s)
	Ready(b, s)
	return s, stop
}

// wall is a clock that is set: virtual time begins in 2000, before clock.Floor.
type wall struct{}

func (wall) Now() clock.Stamp {
	return clock.Stamp{Wall: time.Now().UTC().AddDate(30, 0, 0), Trust: clock.TrustSynced}
}

func bodies(recs []store.Record) string {
	var out []string
	for _, r := range recs {
		out = append(out, string(r.Body))
	}
	return strings.Join(out, " ")
}

func (b *bench) want(l *store.Lease, bodiesWanted string) {
	b.Helper()
	if l == nil {
		b.Fatalf("no lease, want %s", bodiesWanted)
	}
	if got := bodies(l.Records()); got != bodiesWanted {
		b.Errorf("lease holds %q, want %q", got, bodiesWanted)
	}
}

// none says that nothing is to be had.
func (b *bench) none(s *store.Store, w store.Want) {
	b.Helper()
	c, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if l, err := s.Next(c, w); !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("next = %v, %v; want to wait", l, err)
	}
}

func testIdentity(b *bench) {
	var first store.Stats
	for i := range 3 {
		s, stop := b.open(store.Options{})
		t1 := Append(b, s, Rec(store.Telemetry, "a"), Rec(store.Alarm, "b"))
		t2 := Append(b, s, Rec(store.Telemetry, "c"))
		ids := append(t1.IDs(), t2.IDs()...)
		st := s.Stats()
		if i == 0 {
			first = st
		}
		if st.Store != first.Store || st.Epoch != first.Epoch+uint32(i) || st.IdentityReset != "" {
			b.Errorf("start %d: store %x epoch %d (%s), the first was %x %d", i, st.Store, st.Epoch, st.IdentityReset, first.Store, first.Epoch)
		}
		for j, want := range []store.ID{{Class: store.Telemetry, Seq: 1}, {Class: store.Alarm, Seq: 1}, {Class: store.Telemetry, Seq: 2}} {
			want.Store, want.Epoch = st.Store, st.Epoch
			if ids[j] != want {
				b.Errorf("start %d: record %d is %s, want %s", i, j, ids[j], want)
			}
		}
		stop()
	}
}

func testIdentityUnreadable(b *bench) {
	s, stop := b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "old"))
	before := s.Stats()
	stop()
	if err := os.WriteFile(filepath.Join(b.dir, "identity"), []byte("\x00\x00\x00"), 0o600); err != nil {
		b.Fatal(err)
	}
	s, _ = b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "new"))
	st := s.Stats()
	if st.Store == before.Store || st.Epoch != 1 || st.IdentityReset == "" {
		b.Errorf("store %x epoch %d, note %q after the identity was spoilt", st.Store, st.Epoch, st.IdentityReset)
	}
	l := Next(b, s, store.Want{Records: 10})
	b.want(l, "old new")
	if r := l.Records(); r[0].Store != before.Store || r[0].Epoch != before.Epoch || r[1].Store != st.Store {
		b.Errorf("ids are %s and %s", r[0].ID, r[1].ID)
	}
}

func testOrderAfterRestart(b *bench) {
	s, stop := b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "t1"), Rec(store.Result, "r1"), Rec(store.Telemetry, "t2"), Rec(store.Alarm, "a1"))
	stop()
	s, _ = b.open(store.Options{})
	Append(b, s, Rec(store.Alarm, "a2"), Rec(store.Telemetry, "t3"), Rec(store.Debug, "d1"))
	l := Next(b, s, store.Want{Records: 10})
	b.want(l, "a1 a2 r1 t1 t2 t3 d1")
}

func testLiveFirst(b *bench) {
	s, stop := b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "t1"), Rec(store.Telemetry, "t2"), Rec(store.Alarm, "a1"))
	stop()
	s, _ = b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "t3"), Rec(store.Telemetry, "t4"), Rec(store.Alarm, "a2"))
	var got []string
	for range 6 {
		l := Next(b, s, store.Want{LiveFirst: true})
		got = append(got, bodies(l.Records()))
		l.Ack()
	}
	if g := strings.Join(got, " "); g != "a2 a1 t3 t4 t1 t2" {
		b.Errorf("live first gave %q", g)
	}
}

func testWant(b *bench) {
	s, _ := b.open(store.Options{})
	big := strings.Repeat("x", 100)
	Append(b, s, Rec(store.Telemetry, big), Rec(store.Telemetry, "b"), Rec(store.Telemetry, "c"), Rec(store.Result, "r"))
	one := Next(b, s, store.Want{Classes: []store.Class{store.Telemetry}, Bytes: 10, Records: 10})
	b.want(one, big)
	two := Next(b, s, store.Want{Classes: []store.Class{store.Telemetry}, Bytes: 1, Records: 10})
	b.want(two, "b")
	def := Next(b, s, store.Want{})
	b.want(def, "r")
	b.none(s, store.Want{Classes: []store.Class{store.Result, store.Alarm}})
	three := Next(b, s, store.Want{Records: 2})
	b.want(three, "c")
}

func testLeases(b *bench) {
	s, _ := b.open(store.Options{})
	for i := range 6 {
		Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
	}
	first := Next(b, s, store.Want{Records: 2})
	second := Next(b, s, store.Want{Records: 2})
	b.want(first, "0 1")
	b.want(second, "2 3")
	first.Release(first.Records()[1].ID)
	Flush(b, s)
	first.Release()
	third := Next(b, s, store.Want{Records: 3})
	b.want(third, "0 1 4")
	second.Ack(third.Records()[0].ID) // not in that lease
	second.Ack()
	second.Release() // settled already
	third.Release()
	all := Next(b, s, store.Want{Records: 10})
	b.want(all, "0 1 4 5")
	if st := s.Stats().PerClass[store.Telemetry]; st.Delivered != 2 || st.Queued != 4 {
		b.Errorf("delivered %d, queued %d", st.Delivered, st.Queued)
	}
}

func testNextWaits(b *bench) {
	s, stop := b.open(store.Options{})
	got := make(chan string)
	go func() {
		l, err := s.Next(context.Background(), store.Want{})
		if err != nil {
			got <- err.Error()
			return
		}
		l.Ack()
		got <- bodies(l.Records())
	}()
	synctest.Wait()
	Append(b, s, Rec(store.Telemetry, "late"))
	if g := <-got; g != "late" {
		b.Errorf("next gave %q", g)
	}
	b.none(s, store.Want{})
	errs := make(chan error)
	go func() {
		_, err := s.Next(context.Background(), store.Want{})
		errs <- err
	}()
	synctest.Wait()
	stop()
	if err := <-errs; !errors.Is(err, store.ErrClosed) {
		b.Errorf("next after the end: %v", err)
	}
}
