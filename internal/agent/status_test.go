package agent

import (
	"strings"
	"testing"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/store"
	"fieldpost/uplink"
)

func TestLinkParts(t *testing.T) {
	online, still := uplink.LinkState{Phase: uplink.PhaseOnline}, uplink.DrainStats{}
	for _, c := range []struct {
		name  string
		link  uplink.LinkState
		drain uplink.DrainStats
		want  string // states of network, identity and hub
		says  string
	}{
		{"online", online, still, "ok ok ok", ""},
		{"first attempt", uplink.LinkState{Phase: uplink.PhaseDialing}, still, "waiting waiting waiting", "dialing"},
		{"no route", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseNetwork, LastError: "no route", NextAttempt: time.Now().Add(time.Hour)}, still,
			"broken waiting waiting", "no route; next attempt in 1 h"},
		{"wrong key", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseIdentity, LastError: "401", Hint: "the key"}, still, "ok broken waiting", "401"},
		{"no key", uplink.LinkState{Phase: uplink.PhaseNoIdentity, Cause: uplink.CauseIdentity, LastError: "no file"}, still, "off broken waiting", "no file"},
		{"throttled", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseHub, LastError: "429"}, still, "ok ok broken", "429"},
		{"a tenant fails alone", uplink.LinkState{Phase: uplink.PhaseOnline, Tenants: []uplink.TenantState{
			{Name: "c2d", Cause: uplink.CauseHub, LastError: "detached"}}}, still, "ok ok broken", "c2d: detached"},
		{"two tenants fail alike", uplink.LinkState{Phase: uplink.PhaseOnline, Tenants: []uplink.TenantState{
			{Name: "drain", Cause: uplink.CauseIdentity, LastError: "no"}, {Name: "c2d", Cause: uplink.CauseIdentity, LastError: "neither"}}}, still,
			"ok broken ok", "drain: no"},
		{"a tenant is back", uplink.LinkState{Phase: uplink.PhaseOnline, Tenants: []uplink.TenantState{
			{Name: "c2d", Serving: true, Cause: uplink.CauseHub, LastError: "detached"}}}, still, "ok ok ok", ""},
		{"the hub takes nothing", online, uplink.DrainStats{HeldBy: uplink.HeldByHub, Held: "daily quota", HeldHint: "wait", HeldUntil: time.Now().Add(time.Hour)}, "ok ok broken", "daily quota; sends again in 1 h"},
		{"the day's budget is used up", online, uplink.DrainStats{HeldBy: uplink.HeldByBudget, Held: "the day's budget", HeldUntil: time.Now().Add(time.Hour)}, "ok ok ok", "the day's budget; another day begins in 1 h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var states, reasons []string
			for _, p := range linkParts(c.link, c.drain, "") {
				states = append(states, string(p.State))
				reasons = append(reasons, p.Reason)
				if p.State == diag.Broken && p.Hint != c.link.Hint && c.drain == still {
					t.Errorf("hint %q", p.Hint)
				}
			}
			if got := strings.Join(states, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if !strings.Contains(strings.Join(reasons, "|"), c.says) {
				t.Errorf("reasons %q do not say %q", reasons, c.says)
			}
		})
	}
}

// A hub without methods is told of and is no broken hub.
func TestHubWithoutMethodsIsFine(t *testing.T) {
	online := uplink.LinkState{Phase: uplink.PhaseOnline}
	p := linkParts(online, uplink.DrainStats{}, "amqp:not-allowed")[2]
	if p.State != diag.OK || p.Reason != "has no direct methods: they are refused with amqp:not-allowed" || p.Hint == "" {
		t.Errorf("hub %+v", p)
	}
	if p := linkParts(online, uplink.DrainStats{}, "")[2]; p.Reason != "" {
		t.Errorf("hub with methods %+v", p)
	}
}

func TestStorePartSaysWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"open queue /s/queue.db: open /s/queue.db.new: read-only file system": "dmesg",
		"open queue /s/queue.db: open /s/queue.db.new: permission denied":     "memory; chown -R fieldpost: /s",
		"write /s/queue.db: input/output error":                               "free or repair the disk",
	} {
		s := store.Stats{LastError: text}
		if strings.Contains(text, "denied") {
			s.LastHint = "chown -R fieldpost: /s"
		}
		if p := storePart(s); p.State != diag.Broken || p.Reason != text || !strings.Contains(p.Hint, want) {
			t.Errorf("%+v, want a hint with %q", p, want)
		}
	}
	anew := store.Stats{Ready: true, IdentityReset: "drawn for this start only", IdentityHint: "chown -R fieldpost: /s"}
	if p := storePart(anew); p.State != diag.OK || p.Reason != "new identity: drawn for this start only" || p.Hint != anew.IdentityHint {
		t.Errorf("%+v", p)
	}
	full := "disk is full, down to its headroom"
	if p := storePart(store.Stats{LastError: full, Full: full}); !strings.Contains(p.Hint, "make room") {
		t.Errorf("%+v", p)
	}
}
