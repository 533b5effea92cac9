package agent

import (
	"path/filepath"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/uplink"
)

// drainOptions is what the configuration says of sending.
func (a *Agent) drainOptions() uplink.DrainOptions {
	u := a.cfg.Uplink
	return uplink.DrainOptions{
		Store:        a.store,
		Timeline:     a.timeline,
		DeviceID:     a.identity.deviceID,
		Clock:        a.parts.Clock,
		Window:       int(u.Window),
		WindowBytes:  int(u.WindowBytes),
		LiveFirst:    u.Order == "live-first",
		BatchRecords: int(u.BatchRecords),
		Rate:         float64(u.Rate),
		DailyBytes:   int64(u.DailyBytes),
		DailySteps:   u.DailyCount == "hub",
		BudgetFile:   filepath.Join(a.cfg.Agent.StateDir, "budget"),
		Pack:         u.Pack,
		PackWait:     u.PackWait,
		Gzip:         u.Gzip,
		OnSettle:     a.parts.Watch.Settled,
		Log:          a.parts.Log.With("part", "drain"),
	}
}

func (a *Agent) uplinkOf(d uplink.DrainStats) diag.Uplink {
	u := diag.Uplink{
		InFlight: d.InFlight, Window: d.Window,
		FlightBytes: int64(d.FlightBytes), WindowBytes: int64(d.WindowBytes),
		LatencyS: d.Latency.Seconds(),
		Sent:     d.Sent, Accepted: d.Accepted, Rejected: d.Rejected, Resent: d.Resent,
		Transfers: d.Transfers, Batches: d.Batches, Packs: d.Packs, Bisected: d.Bisected, LastBatch: d.LastBatch,
		Held: d.Held, Hint: d.HeldHint,
	}
	if !d.HeldUntil.IsZero() {
		u.ResumesInS = max(0, time.Until(d.HeldUntil).Seconds())
	}
	if d.BudgetLimit > 0 {
		u.Budget = &diag.Budget{UsedBytes: d.BudgetUsed, LimitBytes: d.BudgetLimit, Count: a.cfg.Uplink.DailyCount,
			ResetsInS: max(0, time.Until(d.BudgetResets).Seconds())}
	}
	return u
}
