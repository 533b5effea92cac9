package uplink

import (
	"cmp"
	"fmt"
	"time"
)

const hintBudget = "raise [uplink] daily_bytes, sample less often, or let readings share messages ([uplink] pack, gzip)"

// Stats returns the counters.
func (d *Drain) Stats() DrainStats {
	now, way, until := time.Now(), d.pace.load(), d.pace.pausedUntil()
	used, limit, left, over := d.budget.spent()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Window, s.InFlight, s.WindowBytes, s.FlightBytes, s.Latency = way.limit, way.count, way.maxBytes, way.bytes, way.latency
	if now.Before(until) {
		s.PausedUntil = until
	}
	if limit > 0 {
		s.BudgetUsed, s.BudgetLimit, s.BudgetResets = used, limit, now.Add(left)
	}
	switch {
	case now.Before(until), way.plea == pleaQuota:
		s.HeldBy, s.Held, s.HeldUntil = HeldByHub, cmp.Or(s.LastOutcome, "handed back"), until
	case over:
		s.HeldBy = HeldByBudget
		s.Held = fmt.Sprintf("the day's budget of %d bytes is used up: alarms and results go on, telemetry waits", limit)
		s.HeldHint, s.HeldUntil = hintBudget, s.BudgetResets
	default:
		s.HeldHint = ""
	}
	return s
}
