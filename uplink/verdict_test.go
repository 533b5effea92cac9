package uplink

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// Every condition and code that IoT hubs are known to send can come as the error
// of a rejected message: what becomes of the record, alone and in a batch, what a
// person reads, and how long nothing is sent.
func TestEveryRejection(t *testing.T) {
	const (
		queued  = "queued"  // and sent again after a pause
		dead    = "dead"    // a dead letter, in the hub's words
		refused = "refused" // queued; the link ends, for another token
	)
	type row struct {
		cond amqp.ErrCond
		code string // in the description; empty = none
		fate string
		hint string
		plea plea
	}
	table := []row{
		{"amqp:connection:forced", "", queued, hintBack, pleaSlower},
		{"amqp:connection:framing-error", "", queued, hintBack, pleaSlower},
		{"amqp:connection:redirect", "", queued, hintBack, pleaSlower},
		{"amqp:link:detach-forced", "", queued, hintBack, pleaSlower},
		{"amqp:link:stolen", "", queued, hintBack, pleaSlower},
		{"amqp:link:redirect", "", queued, hintBack, pleaSlower},
		{"amqp:link:transfer-limit-exceeded", "", queued, hintBack, pleaSlower},
		{"amqp:link:message-size-exceeded", "", dead, "", 0},
		{"amqp:session:window-violation", "", queued, hintBack, pleaSlower},
		{"amqp:session:errant-link", "", queued, hintBack, pleaSlower},
		{"amqp:session:handle-in-use", "", queued, hintBack, pleaSlower},
		{"amqp:session:unattached-handle", "", queued, hintBack, pleaSlower},
		{"amqp:internal-error", "", queued, hintBack, pleaSlower},
		{"com.microsoft:timeout", "", queued, hintBack, pleaSlower},
		{"com.microsoft:device-container-throttled", "", queued, hintSlower, pleaSlower},
		{"com.microsoft:server-busy", "", queued, hintSlower, pleaSlower},
		{"amqp:resource-locked", "", queued, hintBack, pleaSlower},
		{"amqp:unauthorized-access", "", refused, "", 0},
		{"amqp:not-found", "", refused, "", 0},
		{"amqp:resource-limit-exceeded", "", queued, hintQuota, pleaQuota},
		{"com.microsoft:quota-exceeded", "", queued, hintQuota, pleaQuota},
		{"com.microsoft:iot-hub-suspended", "", queued, hintSuspended, pleaSlower},
		{"com.microsoft:iot-hub-not-found-error", "", refused, "", 0},
		{"com.microsoft:argument-error", "", dead, "", 0},
		{"com.microsoft:argument-out-of-range", "", dead, "", 0},
		{"com.microsoft:link-creation-conflict", "", queued, hintBack, pleaSlower},
		{"amqp:not-allowed", "", dead, "", 0},
		{"amqp:not-implemented", "", dead, "", 0},
		{"amqp:invalid-field", "", dead, "", 0},
		{"amqp:decode-error", "", dead, "", 0},
		{"amqp:frame-size-too-small", "", dead, "", 0},

		// Not about telemetry, or never seen as an outcome: given three chances.
		{"amqp:illegal-state", "", queued, hintBack, pleaSlower},
		{"amqp:resource-deleted", "", queued, hintBack, pleaSlower},
		{"amqp:precondition-failed", "", queued, hintBack, pleaSlower},
		{"com.microsoft:precondition-failed", "", queued, hintBack, pleaSlower},
		{"amqp:transaction:rollback", "", queued, hintBack, pleaSlower},
		{"amqp:transaction:timeout", "", queued, hintBack, pleaSlower},
		{"com.microsoft:message-lock-lost", "", queued, hintBack, pleaSlower},
		{"com.microsoft:device-already-exists", "", queued, hintBack, pleaSlower},
		{"com.example:odd", "", queued, hintBack, pleaSlower},

		// A code says more than the condition it comes with.
		{"com.example:odd", "400027", queued, hintBack, pleaSlower},
		{"com.example:odd", "400029", queued, hintBack, pleaSlower},
		{"com.example:odd", "400030", queued, hintBack, pleaSlower},
		{"com.example:odd", "401002", refused, "", 0},
		{"com.example:odd", "401003", refused, "", 0},
		{"com.example:odd", "403001", queued, hintSuspended, pleaSlower},
		{"amqp:internal-error", "403002", queued, hintQuota, pleaQuota},
		{"com.example:odd", "403004", queued, hintQuota, pleaQuota},
		{"amqp:resource-limit-exceeded", "403005", queued, hintBack, pleaSlower},
		{"com.example:odd", "403007", queued, hintQuota, pleaQuota},
		{"com.example:odd", "403009", queued, hintBack, pleaSlower},
		{"com.example:odd", "403010", queued, hintBack, pleaSlower},
		{"com.example:odd", "403012", refused, "", 0},
		{"com.example:odd", "404001", refused, "", 0},
		{"com.example:odd", "404006", refused, "", 0},
		{"amqp:not-found", "404012", queued, hintBack, pleaSlower},
		{"com.example:odd", "404102", queued, hintBack, pleaSlower},
		{"amqp:not-found", "404103", queued, hintBack, pleaSlower},
		{"com.example:odd", "404104", queued, hintBack, pleaSlower},
		{"com.example:odd", "409002", queued, hintBack, pleaSlower},
		{"com.example:odd", "412002", queued, hintBack, pleaSlower},
		{"com.example:odd", "412004", queued, hintBack, pleaSlower},
		{"com.example:odd", "413001", dead, "", 0},
		{"com.example:odd", "429001", queued, hintSlower, pleaSlower},
		{"com.example:odd", "429002", queued, hintSlower, pleaSlower},
		{"com.example:odd", "429003", queued, hintSlower, pleaSlower},
		{"com.example:odd", "429005", queued, hintSlower, pleaSlower},
		{"com.example:odd", "500001", queued, hintBack, pleaSlower},
		{"com.example:odd", "500008", queued, hintBack, pleaSlower},
		{"com.example:odd", "503001", queued, hintBack, pleaSlower},
		{"com.example:odd", "503005", queued, hintBack, pleaSlower},
		{"com.example:odd", "503006", queued, hintBack, pleaSlower},
		{"com.example:odd", "503008", queued, hintBack, pleaSlower},
		{"com.example:odd", "504101", queued, hintBack, pleaSlower},
	}
	missing := append(slices.Clone(KnownConditions), KnownCodes...)
	for cond := range conditions {
		missing = append(missing, string(cond))
	}
	for code := range codes {
		missing = append(missing, strconv.Itoa(code))
	}
	for _, v := range table {
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == v.code || v.code == "" && m == string(v.cond) })
	}
	if len(missing) > 0 {
		t.Errorf("no row for %v", missing)
	}
	s := store.New(store.Options{Dir: t.TempDir(), NoSync: true, DeadMax: 10000})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for _, v := range table {
		for _, n := range []int{1, 4} {
			name := strings.TrimSpace(string(v.cond) + " " + v.code)
			for range n {
				if _, err := s.Append(ctx, store.Record{ID: store.ID{Class: store.Telemetry}, Body: []byte("{}")}); err != nil {
					t.Fatal(err)
				}
			}
			lease, err := s.Next(ctx, store.Want{Records: n})
			if err != nil || len(lease.Records()) != n {
				t.Fatalf("lease of %d: %v", n, err)
			}
			d := NewDrain(DrainOptions{Store: s})
			f := newFlight(d, nil)
			description := "the hub's words"
			if v.code != "" {
				description = `{"errorCode":` + v.code + `,"message":"the hub's words"}`
			}
			before := s.Stats().PerClass[store.Telemetry]
			it := item{lease: lease, records: lease.Records(), size: 1000, sent: time.Now()}
			err = f.apply(&it, &amqp.StateRejected{Error: &amqp.Error{Condition: v.cond, Description: description}})
			if (err != nil) != (v.fate == refused) {
				t.Errorf("%s, %d: apply: %v", name, n, err)
			}
			bisected := it.lease == nil && len(f.suspects) == 2
			if want := v.fate == dead && n > 1; bisected != want {
				t.Errorf("%s, %d: bisected %v, want %v", name, n, bisected, want)
			}
			if it.lease != nil {
				f.giveBack(&it)
			}
			now := d.Stats()
			if v.fate == queued && (!strings.Contains(now.Held, string(v.cond)) || !strings.Contains(now.Held, "the hub's words") ||
				v.code != "" && !strings.HasSuffix(now.Held, ": the hub's words ("+v.code+")") || now.HeldHint != v.hint) {
				t.Errorf("%s, %d: a person reads %q, hint %q, want hint %q", name, n, now.Held, now.HeldHint, v.hint)
			}
			pause := time.Until(now.PausedUntil)
			floor := time.Duration(v.plea.factor()) * time.Second
			if (v.fate == queued) != (pause > floor-time.Second && pause <= 4*floor) {
				t.Errorf("%s, %d: pause %s, curve starts at %s", name, n, pause, floor)
			}
			f.dismiss()
			after := s.Stats().PerClass[store.Telemetry]
			switch {
			case v.fate == dead && n == 1:
				if after.Dead != before.Dead+1 || after.Queued != before.Queued-1 {
					t.Errorf("%s: not a dead letter: %+v", name, after)
				}
			case after.Queued != before.Queued || after.Dead != before.Dead:
				t.Errorf("%s, %d: not queued: %+v", name, n, after)
			}
			if after.Queued > 0 {
				rest, err := s.Next(ctx, store.Want{Records: n})
				if err != nil {
					t.Fatal(err)
				}
				rest.Ack()
			}
			if s.Stats().PerClass[store.Telemetry].Queued != 0 {
				t.Fatalf("%s, %d: something is left", name, n)
			}
		}
	}
}
