package uplink_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

func TestAcceptedAcks(t *testing.T) {
	r := newRig(t, hub.Options{})
	ids := r.append(300)
	r.start()
	r.drained()
	got := telemetryStats(r.store)
	must(t, got.Delivered == 300 && got.Queued == 0 && got.Dead == 0 && got.Lost == 0, "store: %+v", got)
	events := r.hub.Events()
	if len(events) != len(ids) {
		t.Fatalf("hub has %d events", len(events))
	}
	for i, e := range events {
		if e.MessageID != ids[i].String() {
			t.Fatalf("event %d is %s, want %s: order is lost", i, e.MessageID, ids[i])
		}
	}
	e := events[0]
	must(t, e.ContentType == "application/json" && e.ContentEncoding == "utf-8", "content type %q, encoding %q", e.ContentType, e.ContentEncoding)
	must(t, e.Properties["sensor"] == "boiler" && e.Properties["seq"] == "1", "properties %v", e.Properties)
	must(t, e.Annotations["dt-subject"] == "boiler", "annotations %v", e.Annotations)
	must(t, string(e.Body) == `{"n":0}`, "body %s", e.Body)
	at, err := time.Parse(time.RFC3339, e.Properties["iothub-creation-time-utc"].(string))
	must(t, err == nil && time.Since(at).Abs() < time.Hour, "creation time %v, %v", at, err)
	s := r.drain.Stats()
	must(t, s.Sent == 300 && s.Accepted == 300 && s.Resent == 0 && s.Rejected == 0, "drain: %+v", s)
}

func TestRejectedDeadLettersAndTheRestGoesOn(t *testing.T) {
	r := newRig(t, hub.Options{})
	ids := r.append(10)
	bad := ids[3].String()
	r.answers(func(e hub.Event) hub.Settlement {
		if e.MessageID == bad {
			return hub.RejectWith("amqp:link:message-size-exceeded", "size 300000 exceeds 262144")
		}
		return hub.Accept
	})
	r.start()
	r.drained()
	dead, err := r.store.DeadLetters(t.Context())
	if err != nil || len(dead) != 1 {
		t.Fatalf("dead letters %v, %v", dead, err)
	}
	must(t, dead[0].Record.ID.String() == bad, "dead letter is %s", dead[0].Record.ID)
	must(t, strings.Contains(dead[0].Cause, "amqp:link:message-size-exceeded") && strings.Contains(dead[0].Cause, "size 300000 exceeds 262144"), "cause %q", dead[0].Cause)
	must(t, r.received()[bad] == 1, "a message rejected for its size was sent %d times", r.received()[bad])
	r.mustHave(append(ids[:3:3], ids[4:]...), 0)
	must(t, r.link.State().Connects == 1, "%d connects", r.link.State().Connects)
}

// What only the peer of go-amqp can see: a message above the size that the link
// announces never leaves, and is set aside without the hub.
func TestTooLargeForTheLinkDeadLetters(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.store = store.New(store.Options{Dir: t.TempDir(), NoSync: true, Clock: r.clock, MaxRecord: 2 << 20})
	r.runs(r.store.Run)
	r.dopts.Store = r.store
	for _, size := range []int{2<<20 - 4096, 10} {
		if _, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Telemetry}, Body: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.drained()
	got := telemetryStats(r.store)
	must(t, got.Dead == 1 && got.Delivered == 1, "store: %+v", got)
	must(t, r.link.State().Connects == 1, "%d connects", r.link.State().Connects)
}

func TestReturnedRecordsAreSentAgainWithTheSameID(t *testing.T) {
	for name, s := range map[string]hub.Settlement{
		"released":    hub.Release,
		"modified":    hub.Modify,
		"throttled":   hub.RejectWith("com.microsoft:device-container-throttled", "429"),
		"server busy": hub.RejectWith("com.microsoft:server-busy", ""),
		"quota":       hub.RejectWith("amqp:resource-limit-exceeded", `{"errorCode":403002,"message":"daily quota"}`),
		"internal":    hub.RejectWith("amqp:internal-error", ""),
		"5xx":         hub.RejectWith("com.example:odd", `{"errorCode":503001}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, hub.Options{})
			r.answers(nth(1, s))
			var told [2]atomic.Int64
			r.dopts.OnSettle = func(s uplink.Settlement) {
				switch s.Outcome {
				case uplink.OutcomeGivenBack:
					told[0].Add(1)
				case uplink.OutcomeAccepted:
					told[1].Add(1)
				}
			}
			ids := r.append(20)
			r.start()
			r.drained()
			r.stop()
			must(t, told[0].Load() == 20 && told[1].Load() == 20, "told: %d given back, %d accepted", told[0].Load(), told[1].Load())
			for id, n := range r.received() {
				must(t, n == 2, "%s was received %d times", id, n)
			}
			r.mustHave(ids, 0)
			got, d := telemetryStats(r.store), r.drain.Stats()
			must(t, got.Delivered == 20 && got.Dead == 0 && got.Lost == 0, "store: %+v", got)
			must(t, d.Resent == 20 && d.Accepted == 20 && d.Rejected == 0, "drain: %+v", d)
			must(t, r.link.State().Connects == 1, "%d connects", r.link.State().Connects)
		})
	}
}

// A reason nobody knows is given three chances, and then must not block the rest.
func TestRejectedWithoutAKnownReason(t *testing.T) {
	r := newRig(t, hub.Options{})
	ids := r.append(5)
	bad := ids[1].String()
	r.answers(func(e hub.Event) hub.Settlement {
		if e.MessageID == bad {
			return hub.RejectWith("com.example:odd", "")
		}
		return hub.Accept
	})
	r.start()
	r.drained()
	got := telemetryStats(r.store)
	must(t, got.Delivered == 4 && got.Dead == 1, "store: %+v", got)
	must(t, r.received()[bad] == 3, "received %d times", r.received()[bad])
}

// No answer costs the link, not the connection.
func TestNoAnswerIsSentAgainOverANewLink(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.dopts.SettleWithin = 2 * time.Second
	r.answers(nth(1, hub.NoAnswer))
	ids := r.append(5)
	r.start()
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	must(t, r.drain.Stats().Resent == 5, "drain: %+v", r.drain.Stats())
	s := r.link.State()
	must(t, s.Connects == 1 && s.Tenants[0].Restarts == 1, "link: %+v", s)
	must(t, strings.Contains(s.Tenants[0].LastError, "no answer") && strings.Contains(s.Tenants[0].Hint, "sent again"), "drain %+v", s.Tenants[0])
}

// One message without an answer does not make duplicates of its neighbours.
func TestNoAnswerToOneOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.dopts.SettleWithin = 2 * time.Second
	ids := r.append(20)
	silent := nth(1, hub.NoAnswer)
	r.answers(func(e hub.Event) hub.Settlement {
		if e.MessageID == ids[4].String() {
			return silent(e)
		}
		return hub.Accept
	})
	r.start()
	r.drained()
	r.mustHave(ids, 1)
	must(t, r.drain.Stats().Resent == 1, "drain: %+v", r.drain.Stats())
}

// A rejection that is about us and not about the message costs a new token and a
// new link, and no record.
func TestRejectedForOurIdentityIsSentAgain(t *testing.T) {
	r := newRig(t, hub.Options{})
	var n atomic.Int64
	r.answers(func(hub.Event) hub.Settlement {
		if n.Add(1) == 3 {
			return hub.RejectWith("amqp:unauthorized-access", "Token Expired")
		}
		return hub.Accept
	})
	ids := r.append(5)
	r.start()
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	s := r.link.State()
	must(t, s.Connects == 1 && s.Renewals == 1 && s.Tenants[0].Restarts == 1, "link: %+v", s)
	must(t, telemetryStats(r.store).Delivered == 5, "store: %+v", telemetryStats(r.store))
}

func TestDroppedConnectionIsSentAgain(t *testing.T) {
	r := newRig(t, hub.Options{})
	var n atomic.Int64
	r.answers(func(hub.Event) hub.Settlement {
		if n.Add(1) == 10 {
			return hub.DropConnection
		}
		return hub.Accept
	})
	ids := r.append(40)
	r.start()
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	s := r.link.State()
	must(t, s.Connects == 2 && s.Failures == 1, "link: %+v", s)
}

func TestCutAndRestoreLosesNothing(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.start()
	var ids []store.ID
	for round := range 3 {
		ids = append(ids, r.append(100)...)
		r.until("first messages", func(uplink.LinkState) bool { return len(r.received()) >= 150*round+10 })
		r.hub.Cut()
		ids = append(ids, r.append(50)...)
		r.until("the link to notice", func(s uplink.LinkState) bool { return s.Phase == uplink.PhaseWaiting && s.Cause != "" })
		if err := r.hub.Restore(); err != nil {
			t.Fatal(err)
		}
		r.until("the link to come back", online)
		r.drained()
	}
	r.mustHave(ids, r.drain.Stats().Resent)
	got := telemetryStats(r.store)
	must(t, got.Delivered == uint64(len(ids)) && got.Lost == 0 && got.Dead == 0, "store: %+v", got)
}

// With nothing answered, what the hub has seen when the drain gives up is what
// the window allows.
func TestWindowIsBounded(t *testing.T) {
	for name, v := range map[string]struct {
		window, bytes, want int
	}{
		"messages": {window: 8, want: 8},
		"bytes":    {window: 64, bytes: 100, want: 100 / len(`{"n":10}`+"sensorboilerboiler"+"application/json")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, hub.Options{})
			r.dopts.Window, r.dopts.WindowBytes = v.window, v.bytes
			r.dopts.SettleWithin = 2 * time.Second
			most := atomic.Int64{}
			r.answers(func(hub.Event) hub.Settlement {
				most.Store(max(most.Load(), int64(r.drain.Stats().InFlight)))
				return hub.NoAnswer
			})
			r.append(100)
			r.start()
			r.until("the drain to give up", func(s uplink.LinkState) bool { return s.Tenants[0].Restarts >= 1 })
			must(t, most.Load() <= int64(v.want), "%d messages were in flight, window is %d", most.Load(), v.want)
			must(t, len(r.received()) == v.want, "the hub saw %d messages, window is %d", len(r.received()), v.want)
		})
	}
}

// Answers that arrive while the link is being stopped still count.
func TestStopWaitsForOutstandingAnswers(t *testing.T) {
	r := newRig(t, hub.Options{})
	answer := make(chan struct{})
	r.answers(func(hub.Event) hub.Settlement { <-answer; return hub.Accept })
	ids := r.append(1)
	r.start()
	r.until("the message", func(uplink.LinkState) bool { return len(r.received()) == 1 })
	time.AfterFunc(100*time.Millisecond, func() { close(answer) })
	r.stop()
	got := telemetryStats(r.store)
	must(t, got.Delivered == 1, "store: %+v", got)
	r.mustHave(ids, 0)
}

// What has no answer when the link stops is back in the store.
func TestStopReleasesLeases(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.answers(func(hub.Event) hub.Settlement { return hub.NoAnswer })
	ids := r.append(5)
	r.start()
	r.until("the messages", func(uplink.LinkState) bool { return len(r.received()) == 5 })
	r.stop()
	must(t, telemetryStats(r.store).Queued == 5, "store: %+v", telemetryStats(r.store))
	lease, err := r.store.Next(t.Context(), store.Want{Records: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if got := lease.Records(); len(got) != 5 || got[0].ID != ids[0] {
		t.Errorf("leased again: %d records", len(got))
	}
}

func TestDrainedEndsWithItsContext(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.append(1)
	r.drain = uplink.NewDrain(r.dopts)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.drain.Drained(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drained: %v", err)
	}
}
