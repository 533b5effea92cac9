package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

func testRoundTrip(b *bench) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	want := []store.Record{
		{ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Subject: "outdoor", ContentType: "application/json",
			Stamp: clock.Stamp{Boot: [16]byte{1, 2, 15: 3}, BootTime: 5 * time.Second, Wall: at, Trust: clock.TrustSynced},
			Props: map[string]string{"sensor": "outdoor", "": "empty", "utf8": "µ"}, Body: []byte(`{"t":1}`)},
		{ID: store.ID{Class: store.Result}, Kind: store.KindResult, CorrelationID: "c-1", Body: bytes.Repeat([]byte{0, 255}, 5000)},
		{ID: store.ID{Class: store.Result}, Kind: store.KindResult},
	}
	s, stop := b.open(store.Options{})
	ids := Append(b, s, want...).IDs()
	stop()
	s, _ = b.open(store.Options{})
	got := Drained(b, s, store.Options{})
	if len(got) != 3 {
		b.Fatalf("%d records came back", len(got))
	}
	for i, j := range []int{1, 2, 0} {
		w, g := want[j], got[i]
		if g.ID != ids[j] || g.Kind != w.Kind || g.CorrelationID != w.CorrelationID || g.Subject != w.Subject || g.ContentType != w.ContentType ||
			!maps.Equal(g.Props, w.Props) || !bytes.Equal(g.Body, w.Body) {
			b.Errorf("record %s came back as %+v, want %+v", ids[j], g, w)
		}
		if !g.Stamp.Wall.Equal(w.Stamp.Wall) || g.Stamp.Boot != w.Stamp.Boot || g.Stamp.BootTime != w.Stamp.BootTime || g.Stamp.Trust != w.Stamp.Trust {
			b.Errorf("stamp came back as %+v, want %+v", g.Stamp, w.Stamp)
		}
	}
}

// settled waits for the commit of the start, which every later count begins with.
func (b *bench) settled(s *store.Store) store.Stats {
	b.Helper()
	Flush(b, s)
	return s.Stats()
}

func testAcceptedBeforeCommit(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: 5 * time.Second})
	before := b.settled(s)
	for i := range 3600 {
		tk := Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
		time.Sleep(500 * time.Millisecond)
		l := Next(b, s, store.Want{})
		l.Ack()
		if err := tk.Durable(ctx(b)); err != nil {
			b.Fatalf("durable after ack: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	after := s.Stats()
	if after.Commits != before.Commits || after.DiskBytes != before.DiskBytes {
		b.Errorf("%d commits in an hour of records accepted in time", after.Commits-before.Commits)
	}
	if d := after.PerClass[store.Telemetry].Delivered; d != 3600 {
		b.Errorf("delivered %d", d)
	}
}

func testTelemetryInterval(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: 7 * time.Second})
	before := b.settled(s)
	start := time.Now()
	first := Append(b, s, Rec(store.Telemetry, "1"))
	time.Sleep(3 * time.Second)
	second := Append(b, s, Rec(store.Telemetry, "2"))
	if risk := s.Stats().AtRisk; risk != 3*time.Second {
		b.Errorf("at risk for %v, want 3s", risk)
	}
	held := Next(b, s, store.Want{}) // a lease does not keep a record from the disk
	for _, tk := range []store.Ticket{first, second} {
		if err := tk.Durable(ctx(b)); err != nil {
			b.Fatal(err)
		}
	}
	if d := time.Since(start); d != 7*time.Second {
		b.Errorf("durable after %v, want 7s", d)
	}
	if after := s.Stats(); after.Commits != before.Commits+1 || after.AtRisk != 0 {
		b.Errorf("%d commits, at risk %v", after.Commits-before.Commits, after.AtRisk)
	}
	held.Release()
	time.Sleep(time.Hour)
	if after := s.Stats(); after.Commits != before.Commits+1 {
		b.Errorf("%d commits of nothing", after.Commits-before.Commits-1)
	}
}

func testCommitBytes(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: time.Hour, CommitBytes: 10_000})
	before := b.settled(s)
	start := time.Now()
	tk := Append(b, s, Rec(store.Telemetry, strings.Repeat("x", 6000)))
	Append(b, s, Rec(store.Telemetry, strings.Repeat("y", 6000)))
	if err := tk.Durable(ctx(b)); err != nil {
		b.Fatal(err)
	}
	if d := time.Since(start); d != 0 || s.Stats().Commits != before.Commits+1 {
		b.Errorf("durable after %v and %d commits", d, s.Stats().Commits-before.Commits)
	}
}

func testAlarmNow(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: time.Hour})
	before := b.settled(s)
	start := time.Now()
	for _, c := range []store.Class{store.Alarm, store.Result} {
		if err := Append(b, s, Rec(c, "now")).Durable(ctx(b)); err != nil {
			b.Fatal(err)
		}
	}
	if d := time.Since(start); d != 0 {
		b.Errorf("durable after %v", d)
	}
	after := s.Stats()
	if n := after.Commits - before.Commits; n != 2 || after.Syncs-before.Syncs < 2*n {
		b.Errorf("%d commits with %d syncs", n, after.Syncs-before.Syncs)
	}
}

func testDebug(b *bench) {
	s, stop := b.open(store.Options{CommitEvery: time.Second})
	before := b.settled(s)
	tk := Append(b, s, Rec(store.Debug, "d1"), Rec(store.Debug, "d2"), Rec(store.Debug, "d3"))
	if err := tk.Durable(ctx(b)); !errors.Is(err, store.ErrVolatile) {
		b.Errorf("durable: %v", err)
	}
	l := Next(b, s, store.Want{Records: 2})
	b.want(l, "d1 d2")
	l.Ack(l.Records()[0].ID)
	l.Dead(l.Records()[1].ID, errors.New("refused"))
	time.Sleep(time.Minute)
	if dl, err := s.DeadLetters(ctx(b)); err != nil || len(dl) != 0 {
		b.Errorf("dead letters %v, %v", dl, err)
	}
	stop()
	if st := s.Stats(); st.PerClass[store.Debug].Lost != 2 || st.PerClass[store.Debug].Produced != 3 || st.Commits == before.Commits {
		b.Errorf("debug after the end: %+v", st.PerClass[store.Debug])
	}
	s, _ = b.open(store.Options{})
	for _, r := range Drained(b, s, store.Options{}) {
		if r.Class == store.Debug {
			b.Errorf("debug record %s came back", r.ID)
		}
	}
}

func testLazyAck(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: 5 * time.Second})
	for i := range 100 {
		Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
	}
	before := b.settled(s)
	start := time.Now()
	for range 10 {
		l := Next(b, s, store.Want{Records: 10})
		l.Ack()
		time.Sleep(100 * time.Millisecond)
	}
	if n := s.Stats().Commits - before.Commits; n != 0 {
		b.Errorf("%d commits for acks within the interval", n)
	}
	time.Sleep(5*time.Second - time.Since(start) + time.Millisecond)
	if n := s.Stats().Commits - before.Commits; n != 1 {
		b.Errorf("%d commits for the acks of one interval", n)
	}
}

func testSettleOutOfOrder(b *bench) {
	s, stop := b.open(store.Options{})
	for i := range 20 {
		Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
		if i == 9 {
			Flush(b, s)
		}
	}
	l := Next(b, s, store.Want{Records: 20})
	recs := l.Records()
	if len(recs) != 20 {
		b.Fatalf("lease of %d", len(recs))
	}
	for i := len(recs) - 1; i >= 0; i -= 2 {
		l.Ack(recs[i].ID)
	}
	stop()
	s, _ = b.open(store.Options{})
	if got := bodies(Drained(b, s, store.Options{})); got != "0 2 4 6 8 10 12 14 16 18" {
		b.Errorf("left: %s", got)
	}
	if st := s.Stats().PerClass[store.Telemetry]; st.Produced != 20 || st.Delivered != 20 {
		b.Errorf("counters %+v", st)
	}
}

func testDead(b *bench) {
	s, stop := b.open(store.Options{})
	Append(b, s, Rec(store.Telemetry, "good"), Rec(store.Telemetry, "bad1"))
	Flush(b, s)
	tk := Append(b, s, Rec(store.Telemetry, "bad2"))
	l := Next(b, s, store.Want{Records: 3})
	recs := l.Records()
	l.Ack(recs[0].ID)
	l.Dead(recs[1].ID, errors.New("amqp:not-allowed: one"))
	l.Dead(recs[2].ID, errors.New("two"))
	l.Dead(recs[2].ID, errors.New("again"))
	if err := tk.Durable(ctx(b)); err != nil {
		b.Errorf("durable of a dead letter: %v", err)
	}
	check := func() {
		b.Helper()
		dl, err := s.DeadLetters(ctx(b))
		if err != nil || len(dl) != 2 {
			b.Fatalf("dead letters %v, %v", dl, err)
		}
		if string(dl[0].Record.Body) != "bad1" || dl[0].Cause != "amqp:not-allowed: one" || dl[1].Record.ID != recs[2].ID || dl[1].Cause != "two" || dl[1].At.IsZero() {
			b.Errorf("dead letters %+v", dl)
		}
		if st := s.Stats().PerClass[store.Telemetry]; st.Dead != 2 || st.Delivered != 1 || st.Queued != 0 || st.Produced != 3 {
			b.Errorf("counters %+v", st)
		}
	}
	check()
	stop()
	s, _ = b.open(store.Options{})
	check()
	b.none(s, store.Want{})
}

func testDeadBound(b *bench) {
	s, _ := b.open(store.Options{DeadMax: 3, CommitEvery: time.Second})
	for i := range 10 {
		Append(b, s, Rec(store.Telemetry, fmt.Sprint(i)))
		l := Next(b, s, store.Want{Classes: []store.Class{store.Telemetry}})
		l.Dead(l.Records()[0].ID, errors.New("no"))
		if i%3 == 0 {
			Flush(b, s)
		}
	}
	Flush(b, s)
	dl, err := s.DeadLetters(ctx(b))
	if err != nil || len(dl) != 3 || string(dl[0].Record.Body) != "7" {
		b.Errorf("dead letters %+v, %v", dl, err)
	}
	if st := s.Stats(); st.PerClass[store.Telemetry].Dead != 3 || st.LostByReason[store.LostDeadLetters] != 7 {
		b.Errorf("counters %+v %v", st.PerClass[store.Telemetry], st.LostByReason)
	}
	Check(b, s)
}

func testFlush(b *bench) {
	s, _ := b.open(store.Options{CommitEvery: time.Hour})
	before := b.settled(s)
	tk := Append(b, s, Rec(store.Telemetry, "1"))
	Flush(b, s)
	if err := tk.Durable(ctx(b)); err != nil {
		b.Error(err)
	}
	Flush(b, s)
	Flush(b, s)
	if n := s.Stats().Commits - before.Commits; n != 1 {
		b.Errorf("%d commits", n)
	}
}

func testClosed(b *bench) {
	s, stop := b.open(store.Options{CommitEvery: time.Hour})
	tk := Append(b, s, Rec(store.Telemetry, "1"))
	l := Next(b, s, store.Want{})
	stop()
	if err := tk.Durable(ctx(b)); err != nil {
		b.Errorf("durable of what the last commit took: %v", err)
	}
	l.Ack()
	c := context.Background()
	_, e1 := s.Append(c, Rec(store.Telemetry, "2"))
	_, e2 := s.Next(c, store.Want{})
	_, e3 := s.Journal().Begin(c, store.Command{MessageID: "m"})
	for i, err := range []error{e1, e2, e3, s.Flush(c), s.Journal().Finish(c, store.Command{}, store.Outcome{Verdict: store.Completed}, store.Record{})} {
		if !errors.Is(err, store.ErrClosed) {
			b.Errorf("call %d after the end: %v", i, err)
		}
	}
	if err := s.Run(c); err == nil {
		b.Error("run twice went well")
	}
}
