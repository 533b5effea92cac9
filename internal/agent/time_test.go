package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/uplink"
)

func TestClockIsExplained(t *testing.T) {
	floor := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for trust, want := range map[clock.Trust]string{
		clock.TrustNone:      "behind 2026-06-01 12:00:00, which has passed",
		clock.TrustPlausible: "nothing vouches for the clock",
		clock.TrustSynced:    "",
	} {
		var a diag.Agent
		clockOf(&a, clock.Stamp{Trust: trust}, floor)
		if a.Clock != trust.String() || !strings.Contains(a.ClockMeans, want) || (want == "") != (a.ClockMeans == "") || (want == "") != (a.ClockHint == "") {
			t.Errorf("%s: %+v", trust, a)
		}
	}
}

func TestAnotherClientIsShownWhileOnline(t *testing.T) {
	link := uplink.LinkState{Phase: uplink.PhaseOnline, Twice: 3, TwiceAt: time.Now().Add(-5 * time.Minute)}
	parts := linkParts(link, uplink.DrainStats{}, "")
	if p := parts[1]; p.State != diag.Broken || !strings.Contains(p.Reason, "another client is connected with this device id: noticed 3 times, last 5 min ago") || p.Hint == "" {
		t.Errorf("identity: %+v", p)
	}
	link.TwiceAt = time.Now().Add(-2 * time.Hour)
	if p := linkParts(link, uplink.DrainStats{}, "")[1]; p.State != diag.OK {
		t.Errorf("hours later: %+v", p)
	}
}

func TestWaitForTheClockIsShown(t *testing.T) {
	parts := linkParts(uplink.LinkState{Phase: uplink.PhaseClock}, uplink.DrainStats{}, "")
	if p := parts[0]; p.State != diag.Waiting || !strings.Contains(p.Reason, "clock") || parts[2].State != diag.Waiting {
		t.Errorf("parts %+v", parts)
	}
}

// What was vouched for is kept in the state folder, and read again by the next start.
func TestNewestTimeIsKept(t *testing.T) {
	cfg := load(t, "")
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	r := run(t, cfg, Parts{Clock: clock.NewFake(at)})
	r.until("the store", func() bool { return r.Stats().Ready })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(cfg.Agent.StateDir, "clock-floor"))
	if err != nil || !strings.HasPrefix(string(text), "2031-02-03T04:0") {
		t.Fatalf("clock-floor: %q, %v", text, err)
	}
	old := clock.NewFake(at.AddDate(-1, 0, 0))
	old.SetTrust(clock.TrustPlausible)
	again := run(t, cfg, Parts{Clock: old})
	again.until("the doubt", func() bool { return again.Status().Agent.Clock == "none" })
}

// The event of the start is of class alarm: it cuts the first wait short.
func TestAlarmCutsTheFirstWaitShort(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cs")
	if err := os.WriteFile(file, []byte("HostName=localhost;DeviceId=a;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var planned time.Time
	short := false
	r := run(t, load(t, "[hub]\nconnection_string_file = \""+file+"\"\n"), Parts{
		Dial: func(context.Context, uplink.Identity) (net.Conn, error) { return nil, errors.New("no network") },
		Watch: Watch{Link: func(s uplink.LinkState) {
			mu.Lock()
			defer mu.Unlock()
			switch s.Phase {
			case uplink.PhaseWaiting:
				planned = s.NextAttempt
			case uplink.PhaseDialing:
				short = short || s.Since.Before(planned)
			}
		}},
	})
	r.until("an attempt before its time", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return short
	})
}
