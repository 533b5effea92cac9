package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

func TestStoreOptionsAreTheConfiguration(t *testing.T) {
	a := New(load(t, `[store]
preset = "emmc"
max_bytes = "32MiB"
reserve = "2MiB"
headroom = "8MiB"
commit_every = "7s"
daily_writes = "9MiB"
max_age = "11h"
overflow_alarm = "refuse"
overflow_telemetry = "thin-out"
overflow_debug = "refuse"
keep_one_in = 5
`), Parts{Root: t.TempDir()})
	o := a.storeOptions()
	got := fmt.Sprint(o.Preset, o.MaxBytes>>20, o.Reserve>>20, o.Headroom>>20, o.CommitEvery, o.DailyWrites>>20, o.MaxAge, o.KeepOneIn, o.Overflow)
	want := fmt.Sprint("emmc", 32, 2, 8, 7*time.Second, 9, 11*time.Hour, 5,
		[store.Classes]store.Overflow{store.Refuse, store.DropOldest, store.ThinOut, store.Refuse})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if o.Dir == "" || o.Clock == nil || o.Log == nil {
		t.Errorf("incomplete: %+v", o)
	}
}

// Every word that a configuration may say means something of its own to the store.
func TestEveryOverflowIsKnown(t *testing.T) {
	seen := map[store.Overflow]string{}
	for _, name := range config.Overflows() {
		if other, twice := seen[overflowOf(name)]; twice {
			t.Errorf("%s means the same as %s", name, other)
		}
		seen[overflowOf(name)] = name
	}
}

// The intervals that the printed configuration promises are those of the store.
func TestEveryPresetIsKnown(t *testing.T) {
	want := map[string]time.Duration{"sd": 30 * time.Second, "emmc": 10 * time.Second, "ssd": 5 * time.Second}
	budgets := map[int64]string{}
	for _, name := range config.Presets() {
		s := New(load(t, "[store]\npreset = \""+name+"\"\n"), Parts{Root: t.TempDir()}).Stats()
		if s.CommitEvery != want[name] || s.CommitEvery == 0 {
			t.Errorf("%s: commits every %v, want %v", name, s.CommitEvery, want[name])
		}
		if other, twice := budgets[s.WriteBudget]; twice || s.WriteBudget <= 0 {
			t.Errorf("%s: a write budget of %d, as %q", name, s.WriteBudget, other)
		}
		budgets[s.WriteBudget] = name
	}
}

// quiet is an agent that appends nothing by itself but the event of its start.
func quiet(t *testing.T) *running {
	t.Helper()
	r := run(t, load(t, "[[sensor]]\nname = \"never\"\nsource = \"simulated\"\nevery = \"24h\"\n"), Parts{Root: t.TempDir()})
	r.until("the store to be open", func() bool { return r.Stats().Ready })
	r.until("the first sample and the start", func() bool { return queued(r.Stats()) == 2 })
	return r
}

func (r *running) add(records ...store.Record) []store.ID {
	r.t.Helper()
	ticket, err := r.store.Append(r.t.Context(), records...)
	if err != nil {
		r.t.Fatal(err)
	}
	return ticket.IDs()
}

// bury makes dead letters of n new readings.
func (r *running) bury(n int) []store.ID {
	r.t.Helper()
	var ids []store.ID
	for range n {
		ids = append(ids, r.add(telemetry("{}"))...)
	}
	lease, err := r.store.Next(r.t.Context(), store.Want{Records: 1000, Classes: []store.Class{store.Telemetry}})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, id := range ids {
		lease.Dead(id, errors.New("too large"))
	}
	lease.Release()
	return ids
}

func telemetry(body string) store.Record {
	return store.Record{ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Subject: "test", Body: []byte(body)}
}

func (r *running) dead() int {
	r.t.Helper()
	letters, err := r.deadLetters(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return len(letters.DeadLetters)
}

func TestPeekAndExportLeaveWhatTheyShow(t *testing.T) {
	r := quiet(t)
	ids := r.add(telemetry(`{"a":1}`), telemetry("\x00"))
	before := queued(r.Stats())
	for _, c := range []struct {
		peek diag.Peek
		want int
	}{{diag.Peek{N: 10}, 4}, {diag.Peek{N: 1}, 1}, {diag.Peek{Class: "telemetry", N: 10}, 3}, {diag.Peek{Class: "alarm", N: 10}, 1}, {diag.Peek{Class: "debug", N: 10}, 0}} {
		got, err := r.peek(t.Context(), c.peek)
		if err != nil || len(got.Records) != c.want || got.More {
			t.Errorf("peek %+v: %+v, %v; want %d", c.peek, got, err, c.want)
		}
		for _, record := range got.Records {
			if c.peek.Class != "" && record.Class != c.peek.Class {
				t.Errorf("peek %+v: %+v", c.peek, record)
			}
		}
	}
	var exported []diag.Record
	if err := r.export(t.Context(), func(record diag.Record) error { exported = append(exported, record); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(exported) != 4 || exported[0].Class != "alarm" || exported[0].Kind != "event" {
		t.Fatalf("export: %+v", exported)
	}
	if last := exported[2:]; last[0].MessageID != ids[0].String() || string(last[0].Body) != `{"a":1}` || last[0].Subject != "test" ||
		last[1].MessageID != ids[1].String() || string(last[1].BodyBase64) != "\x00" {
		t.Errorf("export: %+v", last)
	}
	stop := errors.New("enough")
	if err := r.export(t.Context(), func(diag.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an export that is to end: %v", err)
	}
	if after := queued(r.Stats()); after != before {
		t.Errorf("%d queued before looking, %d after", before, after)
	}
}

func TestPeekIsBounded(t *testing.T) {
	r := quiet(t)
	large := `"` + strings.Repeat("x", 150_000) + `"`
	for range 40 {
		r.add(telemetry(large))
	}
	got, err := r.peek(t.Context(), diag.Peek{N: diag.MaxPeek})
	if err != nil || !got.More || len(got.Records) == 0 || len(got.Records) > 30 {
		t.Errorf("%d records, more %v, %v", len(got.Records), got.More, err)
	}
	if b, err := json.Marshal(got); err != nil || len(b) > peekBytes+1<<20 {
		t.Errorf("an answer of %d bytes, %v", len(b), err)
	}
}

func TestDeadLetters(t *testing.T) {
	r := quiet(t)
	ids := r.bury(3)
	one, two := ids[0].String(), ids[1].String()
	if n := r.dead(); n != 3 {
		t.Fatalf("%d dead letters", n)
	}
	shown, err := r.deadLetter(t.Context(), one)
	if err != nil || shown.MessageID != one || shown.Cause != "too large" || string(shown.Body) != "{}" || shown.RefusedAt.IsZero() {
		t.Errorf("show: %+v, %v", shown, err)
	}
	stranger := ids[0]
	stranger.Seq = 1 << 40
	for _, c := range []struct {
		name string
		ask  func() error
		want int
		says string
	}{
		{"show of no id", func() error { _, err := r.deadLetter(t.Context(), "seven"); return err }, 400, "seven"},
		{"show of a stranger", func() error { _, err := r.deadLetter(t.Context(), stranger.String()); return err }, 404, stranger.String()},
		{"retry of no id", func() error { _, err := r.retryDead(t.Context(), diag.Selection{IDs: []string{one, "x"}}); return err }, 400, `"x"`},
		{"retry of a stranger", func() error {
			_, err := r.retryDead(t.Context(), diag.Selection{IDs: []string{one, stranger.String()}})
			return err
		}, 404, stranger.String()},
		{"drop of a stranger", func() error {
			_, err := r.dropDead(t.Context(), diag.Selection{IDs: []string{stranger.String()}})
			return err
		}, 404, stranger.String()},
	} {
		var answer *diag.AnswerError
		if err := c.ask(); !errors.As(err, &answer) || answer.Status != c.want || !strings.Contains(answer.Message, c.says) || answer.Hint() == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if none, err := r.dropDead(t.Context(), diag.Selection{}); err != nil || none.Count != 0 {
		t.Errorf("nothing selected: %+v, %v", none, err)
	}
	if n := r.dead(); n != 3 {
		t.Fatalf("a refused change changed something: %d dead letters", n)
	}

	before := r.Stats().PerClass[store.Telemetry]
	if n, err := r.retryDead(t.Context(), diag.Selection{IDs: []string{two, two}}); err != nil || n.Count != 1 || r.dead() != 2 {
		t.Fatalf("retry: %+v, %v", n, err)
	}
	found := false
	if err := r.export(t.Context(), func(record diag.Record) error {
		found = found || record.MessageID == two
		return nil
	}); err != nil || !found {
		t.Errorf("the retried letter is not queued under its id: %v", err)
	}
	if n, err := r.dropDead(t.Context(), diag.Selection{All: true}); err != nil || n.Count != 2 || r.dead() != 0 {
		t.Fatalf("drop: %+v, %v", n, err)
	}
	after := r.Stats().PerClass[store.Telemetry]
	if after.Queued != before.Queued+1 || after.Dead != 0 || after.Lost != before.Lost+2 || after.Produced != before.Produced {
		t.Errorf("before %+v, after %+v", before, after)
	}
	for _, change := range []func(context.Context, diag.Selection) (diag.Changed, error){r.retryDead, r.dropDead} {
		if n, err := change(t.Context(), diag.Selection{All: true}); err != nil || n.Count != 0 {
			t.Errorf("nothing dead: %+v, %v", n, err)
		}
	}
}

// What was learned about a boot dates its records after the next one too.
func TestRecordsOfAnEarlierBootAreDated(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	machine := clock.NewFake(time.Unix(0, 0))
	machine.SetTrust(clock.TrustNone)
	cfg := load(t, "[[sensor]]\nname = \"never\"\nsource = \"simulated\"\nevery = \"24h\"\n")
	start := func() *running {
		r := run(t, cfg, Parts{Root: t.TempDir(), Clock: machine})
		r.until("the store to be open", func() bool { return r.Stats().Ready })
		return r
	}
	r := start()
	reading := telemetry("{}")
	reading.Stamp = machine.Now()
	id := r.add(reading)[0].String()
	find := func(r *running) diag.Record {
		var found diag.Record
		if err := r.export(t.Context(), func(record diag.Record) error {
			if record.MessageID == id {
				found = record
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := find(r); got.MessageID != id || !got.At.IsZero() {
		t.Errorf("before the clock is set: %+v", got)
	}
	machine.Advance(time.Minute)
	machine.SetWall(at.Add(time.Minute))
	machine.SetTrust(clock.TrustSynced)
	if got := find(r); !got.At.Equal(at) {
		t.Errorf("once the clock is set: %v, want %v", got.At, at)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	machine.Reboot()
	machine.SetWall(time.Unix(0, 0))
	machine.SetTrust(clock.TrustNone)
	if got := find(start()); !got.At.Equal(at) {
		t.Errorf("after the next boot: %v, want %v", got.At, at)
	}
}

// Before the file is open the counters are told at once, and what needs the file
// says what it waits for.
func TestQueueBeforeItIsOpen(t *testing.T) {
	a := New(load(t, ""), Parts{Root: t.TempDir()})
	report, err := a.queueReport(t.Context())
	if err != nil || report.Ready || report.Opening == "" || report.AtRiskByClassS == nil {
		t.Errorf("report %+v, %v", report, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	var answer *diag.AnswerError
	if _, err := a.deadLetters(ctx); !errors.As(err, &answer) || answer.Status != 503 || !strings.Contains(answer.Message, report.Opening) {
		t.Errorf("dead letters: %v", err)
	}
	answer = nil
	if err := a.export(t.Context(), func(diag.Record) error { return nil }); !errors.As(err, &answer) || answer.Status != 503 {
		t.Errorf("export: %v", err)
	}
	if s := a.Status(); part(s, "store").State != diag.Waiting || s.Store.Ready {
		t.Errorf("status: %+v", s)
	}
}

func TestFullDiskIsNotAFailedOne(t *testing.T) {
	full, failed := storePart(store.Stats{Ready: true, LastError: "full", Full: "full"}), storePart(store.Stats{Ready: true, LastError: "no sync"})
	if full.State != diag.Broken || full.Reason != "full" || full.Hint == failed.Hint || full.Hint == "" {
		t.Errorf("got %+v, and %+v", full, failed)
	}
}

func TestStorePartTellsHowFarItIs(t *testing.T) {
	s := store.Stats{Opening: "the file is damaged", Salvage: store.Progress{Phase: "salvage", Done: 1, Total: 4}}
	if p := storePart(s); p.State != diag.Waiting || p.Reason != "the file is damaged; salvage 25 %" {
		t.Errorf("got %+v", p)
	}
}
