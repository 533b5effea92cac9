package uplink_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

// batches is a rig whose drain sends batches.
func batches(t *testing.T) *rig {
	r := newRig(t, hub.Options{})
	r.dopts.BatchRecords = 0
	return r
}

func TestBacklogGoesInBatches(t *testing.T) {
	r := batches(t)
	ids := r.append(2000)
	r.start()
	r.drained()
	events := r.hub.Events()
	if len(events) != len(ids) {
		t.Fatalf("hub has %d events", len(events))
	}
	for i, e := range events {
		if e.MessageID != ids[i].String() {
			t.Fatalf("event %d is %s, want %s: order is lost", i, e.MessageID, ids[i])
		}
	}
	e := events[1000]
	must(t, e.ContentType == "application/json" && e.ContentEncoding == "utf-8", "content type %q, encoding %q", e.ContentType, e.ContentEncoding)
	must(t, e.Properties["sensor"] == "boiler" && e.Properties["seq"] == "1001", "properties %v", e.Properties)
	must(t, e.Annotations["dt-subject"] == "boiler", "annotations %v", e.Annotations)
	must(t, string(e.Body) == `{"n":1000}`, "body %s", e.Body)
	s := r.drain.Stats()
	must(t, s.Sent == 2000 && s.Accepted == 2000 && s.Batches > 0 && s.Transfers < 200, "drain: %+v", s)
	must(t, telemetryStats(r.store).Delivered == 2000, "store: %+v", telemetryStats(r.store))
}

func TestFewGoSingly(t *testing.T) {
	r := batches(t)
	r.append(7)
	r.start()
	r.drained()
	s := r.drain.Stats()
	must(t, s.Batches == 0 && s.Transfers == 7, "drain: %+v", s)
}

func TestClassesAreNotMixedInABatch(t *testing.T) {
	r := batches(t)
	ids := r.append(20)
	for range 20 {
		ticket, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, ticket.IDs()...)
	}
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	must(t, r.drain.Stats().Transfers == 2, "drain: %+v", r.drain.Stats())
	must(t, r.hub.Events()[0].MessageID == ids[20].String(), "the alarms go first")
}

// Records that the hub rejects for their content are found in their batch, each in
// about log2 of its size rounds, and nobody else is rejected or sent in vain for long.
func TestBisectConvictsAlone(t *testing.T) {
	for _, bad := range [][]int{{0}, {199}, {77}, {10, 11}, {3, 60, 61, 150}} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			r := batches(t)
			ids := r.append(200)
			guilty := map[string]bool{}
			for _, i := range bad {
				guilty[ids[i].String()] = true
			}
			r.answers(func(e hub.Event) hub.Settlement {
				if guilty[e.MessageID] {
					return hub.RejectWith("amqp:decode-error", "the hub's words")
				}
				return hub.Accept
			})
			var dead atomic.Int64
			r.dopts.OnSettle = func(s uplink.Settlement) {
				if s.Outcome == uplink.OutcomeDead {
					dead.Add(1)
				}
			}
			r.start()
			r.drained()
			letters, err := r.store.DeadLetters(t.Context())
			if err != nil || len(letters) != len(bad) || int(dead.Load()) != len(bad) {
				t.Fatalf("dead letters %v, told of %d, %v", letters, dead.Load(), err)
			}
			for _, l := range letters {
				must(t, guilty[l.Record.ID.String()] && strings.Contains(l.Cause, "the hub's words"), "dead: %s, %s", l.Record.ID, l.Cause)
			}
			logged := r.logged()
			must(t, len(logged) == 200-len(bad), "%d messages arrived", len(logged))
			for id, n := range logged {
				must(t, n == 1 && !guilty[id], "%s arrived %d times", id, n)
			}
			s := r.drain.Stats()
			must(t, s.Resent == 0 && s.Bisected >= 1 && s.Bisected <= uint64(len(bad)), "drain: %+v", s)
			// Eight halvings of two transfers each, and the few batches of a new link.
			must(t, s.Transfers <= uint64(16*len(bad)+20), "%d transfers for %d records", s.Transfers, len(bad))
			must(t, r.link.State().Connects == 1 && r.link.State().Tenants[0].Restarts == 0, "link: %+v", r.link.State())
		})
	}
}

// A record that is too large for the hub is no part of a batch: it is rejected
// once, alone.
func TestTooLargeForTheHubDiesAlone(t *testing.T) {
	r := batches(t)
	r.store = store.New(store.Options{Dir: t.TempDir(), NoSync: true, Clock: r.clock, MaxRecord: 2 << 20})
	r.runs(r.store.Run)
	r.dopts.Store = r.store
	ids := r.append(20)
	big, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Telemetry}, Body: bytes.Repeat([]byte("x"), 300<<10)})
	if err != nil {
		t.Fatal(err)
	}
	ids = append(ids, r.append(20)...)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	s := r.drain.Stats()
	must(t, s.Rejected == 1 && s.Resent == 0 && s.Sent == 41 && s.Bisected == 0, "drain: %+v", s)
	letters, err := r.store.DeadLetters(t.Context())
	if err != nil || len(letters) != 1 || letters[0].Record.ID != big.IDs()[0] {
		t.Fatalf("dead letters %v, %v", letters, err)
	}
	must(t, strings.Contains(letters[0].Cause, "message-size-exceeded"), "cause %q", letters[0].Cause)
}

func TestBatchWithoutAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	r := batches(t)
	r.dopts.SettleWithin = 2 * time.Second
	ids := r.append(50)
	var n atomic.Int64
	r.answers(func(hub.Event) hub.Settlement {
		if n.Add(1) <= 2 {
			return hub.NoAnswer
		}
		return hub.Accept
	})
	r.start()
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	must(t, r.drain.Stats().Resent >= 30, "drain: %+v", r.drain.Stats())
	must(t, r.link.State().Connects == 1, "link: %+v", r.link.State())
}

func TestBatchHandedBackIsSentAgain(t *testing.T) {
	for name, s := range map[string]hub.Settlement{
		"released":  hub.Release,
		"modified":  hub.Modify,
		"throttled": hub.RejectWith("com.microsoft:device-container-throttled", "429"),
		"quota":     hub.RejectWith("amqp:resource-limit-exceeded", `{"errorCode":403002,"message":"daily quota"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := batches(t)
			var n atomic.Int64
			r.answers(func(hub.Event) hub.Settlement {
				if n.Add(1) <= 3 {
					return s
				}
				return hub.Accept
			})
			ids := r.append(100)
			r.start()
			r.drained()
			r.mustHave(ids, 0)
			d := r.drain.Stats()
			must(t, d.Accepted == 100 && d.Resent > 0 && d.Rejected == 0 && d.Held == "" && d.HeldHint == "", "drain: %+v", d)
			must(t, r.link.State().Connects == 1, "link: %+v", r.link.State())
		})
	}
}

// What is in the window when the link stops, rejected halves included, is back in
// the store.
func TestStopDuringBisectLosesNothing(t *testing.T) {
	r := batches(t)
	ids := r.append(64)
	var n atomic.Int64
	r.answers(func(hub.Event) hub.Settlement {
		if n.Add(1) == 1 {
			return hub.RejectWith("amqp:decode-error", "")
		}
		return hub.NoAnswer
	})
	r.start()
	r.until("the halves", func(uplink.LinkState) bool { return n.Load() >= 3 })
	r.stop()
	got := telemetryStats(r.store)
	must(t, got.Queued == uint64(len(ids)), "store: %+v", got)
}
