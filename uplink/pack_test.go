package uplink_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/uplink"
)

// packed is one object of a pack, as a receiver reads it.
type packed struct {
	ID          string
	Time        time.Time
	Uncertainty float64
	Sensor      string
	Values      map[string]any
	Quality     string
}

func unpack(t *testing.T, e hub.Event) []packed {
	t.Helper()
	var out []packed
	if err := json.Unmarshal(plain(t, e), &out); err != nil {
		t.Fatalf("%v: %s", err, e.Body)
	}
	return out
}

// plain is the body as it was before gzip.
func plain(t *testing.T, e hub.Event) []byte {
	t.Helper()
	if e.ContentEncoding != "gzip" {
		return e.Body
	}
	z, err := gzip.NewReader(bytes.NewReader(e.Body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// reading appends one reading with properties of its own.
func (r *rig) reading(sensor, quality, body string) store.ID {
	r.t.Helper()
	props := map[string]string{"sensor": sensor}
	if quality != "" {
		props["quality"] = quality
	}
	ticket, err := r.store.Append(r.t.Context(), store.Record{
		ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: r.clock.Now(),
		Subject: sensor, ContentType: "application/json", Props: props, Body: []byte(body),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return ticket.IDs()[0]
}

func TestPackHoldsWhatTheMessagesWould(t *testing.T) {
	r := batches(t)
	r.dopts.Pack = true
	r.clock.SetTrust(clock.TrustSynced)
	var ids []store.ID
	for i := range 10 {
		ids = append(ids, r.reading("boiler", "", fmt.Sprintf(`{"n":%d}`, i)))
	}
	ids = append(ids, r.reading("outside", "humidity=bad:\"é\"", `{"t":1.5}`))
	alarm, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, ContentType: "application/json", Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	odd := r.reading("boiler", "", "no JSON")
	r.start()
	r.drained()
	events := r.hub.Events()
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	must(t, events[0].MessageID == alarm.IDs()[0].String(), "the alarm went as %s", events[0].MessageID)
	must(t, events[2].MessageID == odd.String() && string(events[2].Body) == "no JSON", "what is no JSON went as %s", events[2].MessageID)
	e := events[1]
	items := unpack(t, e)
	if len(items) != len(ids) {
		t.Fatalf("%d of %d records in the pack", len(items), len(ids))
	}
	for i, p := range items {
		must(t, p.ID == ids[i].String() && time.Since(p.Time).Abs() < time.Hour && p.Uncertainty == 0, "record %d: %+v", i, p)
	}
	must(t, items[3].Sensor == "boiler" && items[3].Values["n"] == 3.0 && items[3].Quality == "", "record 3: %+v", items[3])
	must(t, items[10].Sensor == "outside" && items[10].Quality == "humidity=bad:\"é\"", "record 10: %+v", items[10])
	must(t, strings.HasPrefix(e.MessageID, ids[0].String()+"-pack-") && len(e.MessageID) <= 128, "message-id %q", e.MessageID)
	if _, err := store.ParseID(e.MessageID); err == nil {
		t.Error("the pack's message-id is that of a record")
	}
	must(t, e.Properties["pack"] == "11" && e.Properties["sensor"] == nil && e.Annotations["dt-subject"] == nil, "properties %v", e.Properties)
	must(t, e.ContentType == "application/json" && e.ContentEncoding == "utf-8", "content type %q, encoding %q", e.ContentType, e.ContentEncoding)
	s := r.drain.Stats()
	must(t, s.Packs == 1 && s.Batches == 0 && s.Accepted == 13, "drain: %+v", s)
}

// One bad record does not take its pack along.
func TestPackIsBisected(t *testing.T) {
	r := batches(t)
	r.dopts.Pack = true
	ids := r.append(50)
	bad := ids[31].String()
	r.answers(func(e hub.Event) hub.Settlement {
		if e.MessageID == bad || bytes.Contains(e.Body, []byte(`"`+bad+`"`)) {
			return hub.RejectWith("amqp:decode-error", "")
		}
		return hub.Accept
	})
	r.start()
	r.drained()
	got := telemetryStats(r.store)
	must(t, got.Delivered == 49 && got.Dead == 1, "store: %+v", got)
	seen := map[string]int{}
	for _, e := range r.hub.Events() {
		if e.Properties["pack"] == nil {
			seen[e.MessageID]++
			continue
		}
		for _, p := range unpack(t, e) {
			seen[p.ID]++
		}
	}
	for i, id := range ids {
		must(t, seen[id.String()] == 1 == (i != 31), "record %d arrived %d times", i, seen[id.String()])
	}
}

// Two packs share a message-id only when they hold the same records.
func TestPackResentHasTheSameID(t *testing.T) {
	r := batches(t)
	r.dopts.Pack = true
	r.answers(nth(1, hub.Release))
	r.append(5)
	r.start()
	r.drained()
	received := r.received()
	must(t, len(received) == 1, "received %v", received)
	for id, n := range received {
		must(t, n == 2, "%s received %d times", id, n)
	}
}

// Readings wait for others, alarms do not, and a stop waits for nobody.
func TestPackWait(t *testing.T) {
	r := batches(t)
	r.dopts.Pack, r.dopts.PackWait = true, time.Hour
	r.start()
	first := r.reading("boiler", "", `{"n":0}`)
	r.until("the first reading", func(uplink.LinkState) bool { return r.received()[first.String()] == 1 })
	r.append(20)
	alarm, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	r.until("the alarm", func(uplink.LinkState) bool { return r.received()[alarm.IDs()[0].String()] == 1 })
	must(t, len(r.received()) == 2, "the hub has %v", r.received())
	r.drained()
	must(t, r.drain.Stats().Packs == 1 && r.drain.Stats().LastBatch == 20, "drain: %+v", r.drain.Stats())
}

func TestGzipWhereItPays(t *testing.T) {
	r := batches(t)
	r.dopts.Gzip = true
	repeated := []byte(`{"x":"` + strings.Repeat("x", 2000) + `"}`)
	r.reading("small", "", `{"x":1}`)
	r.reading("repeated", "", string(repeated))
	for range 10 { // in a batch too
		r.reading("repeated", "", string(repeated))
	}
	r.start()
	r.drained()
	events := r.hub.Events()
	must(t, events[0].ContentEncoding == "utf-8" && string(events[0].Body) == `{"x":1}`, "small: %q %s", events[0].ContentEncoding, events[0].Body)
	for _, e := range events[1:] {
		must(t, e.ContentEncoding == "gzip" && len(e.Body) < 200, "repeated: %q, %d bytes", e.ContentEncoding, len(e.Body))
		must(t, bytes.Equal(plain(t, e), repeated), "unpacked: %s", plain(t, e))
	}
}

func TestGzipOfAPack(t *testing.T) {
	r := batches(t)
	r.dopts.Pack, r.dopts.Gzip = true, true
	ids := r.append(30)
	r.start()
	r.drained()
	e := r.hub.Events()[0]
	items := unpack(t, e)
	must(t, e.ContentEncoding == "gzip" && len(items) == 30 && items[29].ID == ids[29].String(), "%q, %d records", e.ContentEncoding, len(items))
}

// With the day's budget used up alarms and results go on, and telemetry waits.
func TestBudgetHoldsTelemetryOnly(t *testing.T) {
	r := batches(t)
	r.dopts.DailyBytes, r.dopts.Clock = 20_000, r.clock
	var alarms atomic.Int64
	r.answers(func(e hub.Event) hub.Settlement {
		if e.Properties["sensor"] == nil {
			alarms.Add(1)
		}
		return hub.Accept
	})
	r.append(150)
	r.start()
	r.until("the budget to be used up", func(uplink.LinkState) bool { return r.drain.Stats().BudgetUsed >= 20_000 })
	for _, c := range []store.Class{store.Alarm, store.Result} {
		if _, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: c}, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	r.until("alarm and result", func(uplink.LinkState) bool { return alarms.Load() == 2 })
	s := r.drain.Stats()
	must(t, strings.Contains(s.Held, "budget") && s.HeldHint != "" && time.Until(s.HeldUntil) > 0 && s.HeldUntil.Equal(s.BudgetResets), "drain: %+v", s)
	got := telemetryStats(r.store)
	must(t, got.Queued > 10, "store: %+v", got)
	// What is under way when it is used up is sent; nothing more than that.
	must(t, s.BudgetUsed < 20_000+16_000, "used %d of 20000", s.BudgetUsed)
	r.clock.SetTrust(clock.TrustSynced)
	r.clock.Advance(24 * time.Hour)
	r.hurryBudget()
	r.drained()
}

// hurryBudget ends the drain's wait for midnight, of which only the agent's clock
// knows: a new link looks again.
func (r *rig) hurryBudget() {
	r.hub.Cut()
	r.until("the link to notice", func(s uplink.LinkState) bool { return !online(s) })
	if err := r.hub.Restore(); err != nil {
		r.t.Fatal(err)
	}
}

// What was just appended goes before a backlog, each in its order, when that is
// configured, and behind it otherwise.
func TestLiveAndBacklogKeepTheirOrder(t *testing.T) {
	for _, live := range []bool{false, true} {
		t.Run(fmt.Sprintf("live first %v", live), func(t *testing.T) {
			t.Parallel()
			r := batches(t)
			dir := t.TempDir()
			run := func() (*store.Store, func()) {
				s := store.New(store.Options{Dir: dir, NoSync: true, Clock: r.clock})
				return s, r.runs(s.Run)
			}
			var end func()
			r.store, end = run()
			backlog := r.append(400)
			end()
			r.store, _ = run()
			if err := r.store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.dopts.Store, r.dopts.LiveFirst = r.store, live
			fresh := r.append(50)
			r.start()
			r.drained()
			want := append(append([]store.ID(nil), backlog...), fresh...)
			if live {
				want = append(append([]store.ID(nil), fresh...), backlog...)
			}
			for i, e := range r.hub.Events() {
				if e.MessageID != want[i].String() {
					t.Fatalf("event %d is %s, want %s", i, e.MessageID, want[i])
				}
			}
		})
	}
}
