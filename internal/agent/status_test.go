package agent

import (
	"strings"
	"testing"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/uplink"
)

func TestLinkParts(t *testing.T) {
	online := uplink.LinkState{Phase: uplink.PhaseOnline}
	for _, c := range []struct {
		name string
		link uplink.LinkState
		want string // states of network, identity and hub
		says string
	}{
		{"online", online, "ok ok ok", ""},
		{"first attempt", uplink.LinkState{Phase: uplink.PhaseDialing}, "waiting waiting waiting", "dialing"},
		{"no route", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseNetwork, LastError: "no route", NextAttempt: time.Now().Add(time.Hour)},
			"broken waiting waiting", "no route; next attempt in"},
		{"wrong key", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseIdentity, LastError: "401", Hint: "the key"}, "ok broken waiting", "401"},
		{"no key", uplink.LinkState{Phase: uplink.PhaseNoIdentity, Cause: uplink.CauseIdentity, LastError: "no file"}, "off broken waiting", "no file"},
		{"throttled", uplink.LinkState{Phase: uplink.PhaseWaiting, Cause: uplink.CauseHub, LastError: "429"}, "ok ok broken", "429"},
		{"a tenant fails alone", uplink.LinkState{Phase: uplink.PhaseOnline, Tenants: []uplink.TenantState{
			{Name: "c2d", Cause: uplink.CauseHub, LastError: "detached"}}}, "ok ok broken", "c2d: detached"},
		{"a tenant is back", uplink.LinkState{Phase: uplink.PhaseOnline, Tenants: []uplink.TenantState{
			{Name: "c2d", Serving: true, Cause: uplink.CauseHub, LastError: "detached"}}}, "ok ok ok", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var states, reasons []string
			for _, p := range linkParts(c.link) {
				states = append(states, string(p.State))
				reasons = append(reasons, p.Reason)
				if p.State == diag.Broken && p.Hint != c.link.Hint {
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
