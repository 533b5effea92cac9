package agent

import (
	"testing"
	"time"

	"fieldpost/internal/config"
	"fieldpost/uplink"
)

func TestDrainOptionsAreThoseOfTheFile(t *testing.T) {
	cfg := config.Default()
	if got := New(cfg, Parts{}).drainOptions(); got.LiveFirst || got.DailySteps || got.DailyBytes != 0 || got.Window != 64 || got.BatchRecords != 500 || got.Pack || got.Gzip {
		t.Errorf("by default: %+v", got)
	}
	cfg.Uplink = config.Uplink{Order: "live-first", Window: 7, WindowBytes: 8 << 10, BatchRecords: 9, Rate: 10, DailyBytes: 11, DailyCount: "hub",
		Pack: true, PackWait: time.Minute, Gzip: true}
	cfg.Agent.StateDir = "state"
	got := New(cfg, Parts{}).drainOptions()
	if !got.LiveFirst || got.Window != 7 || got.WindowBytes != 8<<10 || got.BatchRecords != 9 || got.Rate != 10 || got.DailyBytes != 11 || !got.DailySteps ||
		!got.Pack || got.PackWait != time.Minute || !got.Gzip || got.BudgetFile != "state/budget" {
		t.Errorf("as configured: %+v", got)
	}
}

func TestStatusOfTheUplink(t *testing.T) {
	cfg := config.Default()
	cfg.Uplink.DailyCount = "hub"
	a := New(cfg, Parts{})
	soon := time.Now().Add(time.Hour)
	u := a.uplinkOf(uplink.DrainStats{Window: 3, InFlight: 2, FlightBytes: 5, Held: "why", HeldHint: "what", HeldUntil: soon,
		BudgetUsed: 6, BudgetLimit: 7, BudgetResets: soon, Latency: time.Second})
	if u.Window != 3 || u.InFlight != 2 || u.FlightBytes != 5 || u.Held != "why" || u.Hint != "what" || u.ResumesInS < 3590 || u.LatencyS != 1 ||
		u.Budget.UsedBytes != 6 || u.Budget.LimitBytes != 7 || u.Budget.Count != "hub" || u.Budget.ResetsInS < 3590 {
		t.Errorf("%+v, budget %+v", u, u.Budget)
	}
	if u := a.uplinkOf(uplink.DrainStats{}); u.Budget != nil || u.ResumesInS != 0 {
		t.Errorf("without a budget: %+v", u)
	}
}
