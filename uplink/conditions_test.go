package uplink_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/amqpserver/wire"
	"fieldpost/uplink"
)

// curve is what the first waits after the same fault must be, in seconds.
type curve [][2]float64

var (
	usual     = curve{{1, 2}, {1, 4}, {1, 8}}
	throttled = curve{{10, 20}, {10, 40}, {10, 80}}
	// A refused identity: another token at once, then a person is needed.
	refused = curve{{0, 2}, {30, 120}, {30, 240}}
	twice   = curve{{30, 60}, {30, 120}, {30, 240}}
)

const (
	scopeSession    = "session"
	scopeConnection = "connection"
)

// Every condition and code that an IoT hub is known to end things with: what is
// made anew, how soon, and what a technician reads. The records are always kept.
func TestConditions(t *testing.T) {
	// A hub says most things when it ends a link, refuses one, or ends a session: each
	// row of those is done at one of the three places, in turn.
	const (
		anywhere   = "detach attach end"
		everywhere = "attach detach end"
	)
	rows := []struct {
		where     string // words of badHub.where
		condition wire.Symbol
		says      string // description, or the code of one
		scope     string
		waits     curve
		cause     string
		hint      string
	}{
		{"close", "amqp:connection:forced", "", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"close", "amqp:connection:framing-error", "", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"close", "amqp:connection:redirect", "", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"close", "amqp:internal-error", "", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"close", "amqp:connection:forced", "400027", scopeConnection, twice, uplink.CauseIdentity, "another client"},
		{"close", "amqp:connection:forced", "400029", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"open close", "amqp:connection:forced", "400030", scopeConnection, usual, uplink.CauseHub, "by itself"},
		{"open close", "amqp:unauthorized-access", "401002", scopeConnection, refused, uplink.CauseIdentity, "check the key"},
		{"close", "amqp:not-found", "404001", scopeConnection, refused, uplink.CauseIdentity, "registered and enabled"},
		{"open", "com.microsoft:iot-hub-not-found-error", "", scopeConnection, refused, uplink.CauseIdentity, "HostName"},
		{"open close", "com.microsoft:iot-hub-suspended", "", scopeConnection, throttled, uplink.CauseHub, "subscription"},
		{"open close", "com.microsoft:server-busy", "", scopeConnection, throttled, uplink.CauseHub, "quota or rate"},

		{anywhere, "amqp:link:detach-forced", "Server Busy. Please retry operation", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:link:stolen", "", scopeSession, twice, uplink.CauseIdentity, "another client"},
		{anywhere, "amqp:internal-error", "Another AMQP Client has opened a Receive Link", scopeSession, twice, uplink.CauseIdentity, "another client"},
		{anywhere, "com.microsoft:link-creation-conflict", "", scopeSession, twice, uplink.CauseIdentity, "another client"},
		{anywhere, "amqp:internal-error", "409002", scopeSession, twice, uplink.CauseIdentity, "another client"},
		{anywhere, "amqp:link:transfer-limit-exceeded", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:link:message-size-exceeded", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:internal-error", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:link:detach-forced", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:unauthorized-access", "500001", scopeSession, refused, uplink.CauseIdentity, "check the key"},
		{anywhere, "com.microsoft:iot-hub-suspended", "500001", scopeSession, throttled, uplink.CauseHub, "subscription"},
		{anywhere, "com.example:odd", "500001", scopeSession, usual, uplink.CauseHub, "trouble inside the hub"},
		{anywhere, "amqp:link:detach-forced", "503001", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:link:redirect", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:transaction:rollback", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:transaction:timeout", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:message-lock-lost", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:precondition-failed", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:device-already-exists", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:not-found", "404102", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:not-found", "404103", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:precondition-failed", "412004", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:link:message-size-exceeded", "413001", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:timeout", "500008", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:resource-limit-exceeded", "", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:resource-limit-exceeded", "403004", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:resource-limit-exceeded", "403007", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:argument-error", "403009", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "com.microsoft:device-container-throttled", "429002", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:device-container-throttled", "429003", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:device-container-throttled", "429005", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:link:detach-forced", "503005", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:internal-error", "500001", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:internal-error", "503006", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:internal-error", "504101", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:timeout", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:resource-locked", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:precondition-failed", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:message-lock-lost", "412002", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:not-found", "404012", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "amqp:not-found", "404104", scopeSession, usual, uplink.CauseHub, "by itself"},
		{"end", "amqp:session:window-violation", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{"end", "amqp:session:errant-link", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{"end", "amqp:session:handle-in-use", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{"end", "amqp:session:unattached-handle", "", scopeSession, usual, uplink.CauseHub, "by itself"},
		{anywhere, "com.microsoft:device-container-throttled", "", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:internal-error", "429001", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:internal-error", "503008", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "amqp:resource-limit-exceeded", "403002", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:quota-exceeded", "", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:server-busy", "", scopeSession, throttled, uplink.CauseHub, "quota or rate"},
		{anywhere, "com.microsoft:iot-hub-suspended", "", scopeSession, throttled, uplink.CauseHub, "subscription"},
		{anywhere, "amqp:unauthorized-access", "403001", scopeSession, throttled, uplink.CauseHub, "subscription"},
		{anywhere, "amqp:not-allowed", "403010", scopeSession, throttled, uplink.CauseHub, "tier"},
		{everywhere, "amqp:unauthorized-access", "", scopeSession, refused, uplink.CauseIdentity, "check the key"},
		{anywhere, "amqp:unauthorized-access", "401003", scopeSession, refused, uplink.CauseIdentity, "check the key"},
		{anywhere, "amqp:not-found", "", scopeSession, refused, uplink.CauseIdentity, "registered and enabled"},
		{anywhere, "amqp:not-found", "404006", scopeSession, refused, uplink.CauseIdentity, "address"},
		{anywhere, "amqp:unauthorized-access", "403012", scopeSession, refused, uplink.CauseIdentity, "enabled"},
		{anywhere, "com.microsoft:iot-hub-not-found-error", "", scopeSession, refused, uplink.CauseIdentity, "HostName"},
		{anywhere, "amqp:not-allowed", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:not-implemented", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:invalid-field", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:decode-error", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:illegal-state", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:resource-deleted", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "amqp:frame-size-too-small", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "com.microsoft:argument-error", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "com.microsoft:argument-out-of-range", "", scopeSession, throttled, uplink.CauseHub, "newer agent"},
		{anywhere, "com.example:never-heard-of", "", scopeSession, usual, uplink.CauseHub, "by itself"},

		{"cbs", "401", "", scopeConnection, refused, uplink.CauseIdentity, "check the key"},
		{"cbs", "403", "", scopeConnection, refused, uplink.CauseIdentity, "check the key"},
		{"cbs", "404", "", scopeConnection, refused, uplink.CauseIdentity, "check the key"},
		{"cbs", "429", "", scopeConnection, throttled, uplink.CauseHub, "quota or rate"},
		{"cbs", "403", "403005", scopeConnection, throttled, uplink.CauseHub, "quota or rate"},
		{"cbs", "500", "", scopeConnection, throttled, uplink.CauseHub, "by itself"},
		{"cbs", "503", "", scopeConnection, throttled, uplink.CauseHub, "by itself"},
	}
	missing := append(slices.Clone(uplink.KnownConditions), uplink.KnownCodes...)
	for _, v := range rows {
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == v.says || v.says == "" && m == string(v.condition) })
	}
	if len(missing) > 0 {
		t.Errorf("no row for %v", missing)
	}
	for i, v := range rows {
		places := strings.Fields(v.where)
		if v.where == anywhere {
			places = places[i%3 : i%3+1]
		}
		for _, where := range places {
			t.Run(where+" "+strings.ReplaceAll(string(v.condition)+" "+v.says, ":", "."), func(t *testing.T) {
				says := v.says
				if len(says) == 6 && says[0] >= '0' && says[0] <= '9' {
					says = `{"errorCode":` + says + `,"trackingId":"x","message":"the hub's own words"}`
				}
				b := &badHub{where: where, fault: wire.Error{Condition: v.condition, Description: says}, times: len(v.waits)}
				condition(t, b, v.scope, v.waits, v.cause, v.hint)
			})
		}
	}
}

func condition(t *testing.T, b *badHub, scope string, waits curve, cause, hint string) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hub.Options{Listen: "none"})
		r.opts.BackoffMin, r.opts.BackoffMax, r.opts.StableAfter, r.opts.OpTimeout = 0, 0, 0, 0
		r.dopts.BackoffMin, r.dopts.BackoffMax, r.dopts.SettleWithin = 0, 0, 0
		r.opts.Dial = b.dial
		var got []time.Duration
		told := func() int {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(got)
		}
		r.opts.OnState = func(s uplink.LinkState) {
			since, at, words, c, h := s.Since, s.NextAttempt, s.LastError, s.Cause, s.Hint
			if scope == scopeSession {
				d := s.Tenants[0]
				since, at, words, c, h = time.Now(), d.NextAttempt, d.LastError, d.Cause, d.Hint
			}
			if at.IsZero() || s.Phase != uplink.PhaseWaiting && scope == scopeConnection {
				return
			}
			r.mu.Lock()
			got = append(got, at.Sub(since))
			r.mu.Unlock()
			must(t, c == cause && strings.Contains(h, hint), "cause %s, hint %q, error %q", c, h, words)
			must(t, strings.Contains(words, string(b.fault.Condition)), "error %q does not name the condition", words)
			must(t, !strings.Contains(words, "trackingId"), "error %q is not for a person", words)
		}
		ids := r.append(1)
		r.start()
		// A fault meets a record, and an idle drain learns of it with the next one.
		for end := time.Now().Add(time.Hour); told() < len(waits) && time.Now().Before(end); time.Sleep(5 * time.Second) {
			ids = append(ids, r.append(1)...)
		}
		time.Sleep(20 * time.Minute)
		ids = append(ids, r.append(3)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := r.drain.Drained(ctx); err != nil {
			t.Fatalf("records are left: link %+v, drain %+v", r.link.State(), r.drain.Stats())
		}
		for i, w := range waits {
			if i >= len(got) {
				t.Fatalf("%d faults, %d waits", b.faults, len(got))
			}
			must(t, got[i].Seconds() >= w[0] && got[i].Seconds() <= w[1], "wait %d is %s, want %v s", i+1, got[i], w)
		}
		s := r.link.State()
		if scope == scopeSession {
			must(t, s.Connects == 1 && s.Failures == 0 && s.Tenants[0].Restarts == uint64(len(waits)), "state %+v", s)
		} else {
			must(t, s.Failures == uint64(len(waits)) && s.Tenants[0].Restarts == 0, "state %+v", s)
		}
		for _, id := range ids {
			must(t, b.got[id.String()] >= 1, "%s is lost", id)
		}
		must(t, len(b.got) == len(ids), "%d records appended, %d came", len(ids), len(b.got))
	})
}
