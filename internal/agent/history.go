package agent

import (
	"slices"
	"sync"

	"fieldpost/internal/diag"
	"fieldpost/sensors"
)

// history remembers when parts of the chain and sensors changed: what a person
// asks who comes after it happened. A reason that changes alone is no change,
// because it counts seconds.
type history struct {
	most int

	mu        sync.Mutex
	changes   []diag.Change // the oldest first
	forgotten uint64
	last      map[string]diag.Change // by part and sensor
}

func newHistory(most int) *history { return &history{most: most, last: map[string]diag.Change{}} }

// look compares with the last look and returns what is new. stamp says when it is.
func (h *history) look(stamp diag.Change, chain []diag.Part, states []sensors.State) []diag.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []diag.Change
	for _, p := range chain {
		c := stamp
		c.Part, c.State, c.Reason, c.Hint, c.WaitingFor = p.Part, string(p.State), p.Reason, p.Hint, p.WaitingFor
		found = h.compare(found, "part "+p.Part, c)
	}
	for _, s := range states {
		c := stamp
		c.Sensor, c.Bus, c.State, c.Reason, c.Hint = s.Sensor, s.Bus, s.Condition, s.Reason, s.Hint
		found = h.compare(found, "sensor "+s.Sensor, c)
	}
	h.changes = append(h.changes, found...)
	if over := len(h.changes) - h.most; over > 0 {
		h.changes = slices.Delete(h.changes, 0, over)
		h.forgotten += uint64(over)
	}
	return found
}

func (h *history) compare(found []diag.Change, key string, c diag.Change) []diag.Change {
	last, known := h.last[key]
	if known && last.State == c.State && last.WaitingFor == c.WaitingFor {
		return found
	}
	c.Was = last.State
	h.last[key] = c
	return append(found, c)
}

func (h *history) report() diag.History {
	h.mu.Lock()
	defer h.mu.Unlock()
	return diag.History{Changes: append([]diag.Change{}, h.changes...), Forgotten: h.forgotten}
}
