package uplink

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// What a delivery can end in, and what becomes of the record: only accepted
// removes it.
func TestApplyEveryState(t *testing.T) {
	rejected := func(cond amqp.ErrCond, text string) amqp.DeliveryState {
		return &amqp.StateRejected{Error: &amqp.Error{Condition: cond, Description: text}}
	}
	const queued, delivered, dead = "queued", "delivered", "dead"
	s := store.New(store.Options{Dir: t.TempDir(), NoSync: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for _, v := range []struct {
		name    string
		state   amqp.DeliveryState
		want    string
		refused bool
	}{
		{"accepted", &amqp.StateAccepted{}, delivered, false},
		{"no state", nil, queued, false},
		{"received", &amqp.StateReceived{}, queued, false},
		{"released", &amqp.StateReleased{}, queued, false},
		{"modified", &amqp.StateModified{DeliveryFailed: true}, queued, false},
		{"modified, undeliverable here", &amqp.StateModified{UndeliverableHere: true}, queued, false},
		{"too large", rejected(amqp.ErrCondMessageSizeExceeded, ""), dead, false},
		{"undecodable", rejected(amqp.ErrCondDecodeError, ""), dead, false},
		{"too large by code", rejected("com.example:odd", `{"errorCode":413001}`), dead, false},
		{"throttled", rejected(condThrottled, ""), queued, false},
		{"throttled by code", rejected("com.example:odd", `{"errorCode":429001}`), queued, false},
		{"quota", rejected(amqp.ErrCondResourceLimitExceeded, ""), queued, false},
		{"internal", rejected(amqp.ErrCondInternalError, ""), queued, false},
		{"unknown reason, first time", rejected("com.example:odd", ""), queued, false},
		{"no reason, first time", &amqp.StateRejected{}, queued, false},
		{"token expired", rejected(amqp.ErrCondUnauthorizedAccess, ""), queued, true},
		{"unknown device", rejected(amqp.ErrCondNotFound, ""), queued, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			before := s.Stats().PerClass[store.Telemetry]
			if _, err := s.Append(ctx, store.Record{ID: store.ID{Class: store.Telemetry}, Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			lease, err := s.Next(ctx, store.Want{Records: 1})
			if err != nil {
				t.Fatal(err)
			}
			f := newFlight(NewDrain(DrainOptions{Store: s}), nil)
			it := item{lease: lease, records: lease.Records(), sent: time.Now()}
			if err := f.apply(&it, v.state); (err != nil) != v.refused {
				t.Errorf("apply: %v", err)
			}
			if it.lease != nil {
				f.giveBack(&it)
			}
			after := s.Stats().PerClass[store.Telemetry]
			got := ""
			switch {
			case after.Queued == before.Queued+1:
				got = queued
			case after.Delivered == before.Delivered+1:
				got = delivered
			case after.Dead == before.Dead+1:
				got = dead
			}
			if got != v.want {
				t.Errorf("record is %s, want %s (%+v)", got, v.want, after)
			}
			if got == queued {
				again, err := s.Next(ctx, store.Want{Records: 1})
				if err != nil || again.Records()[0].ID != it.records[0].ID {
					t.Fatalf("not handed out again with the same id: %v", err)
				}
				again.Ack()
			}
		})
	}
}
