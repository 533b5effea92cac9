package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/keep"
)

// transferOverhead is what one transfer costs beside the message in it: frame,
// TLS record, TCP and IP, and the outcome that comes back, bytes.
const transferOverhead = 200

// budgetParts is in how many parts a budget is spent between two writes of its
// file: a kill forgets less than one of them.
const budgetParts = 64

const day = 24 * time.Hour

// budget counts what may be sent in a day of UTC. It is kept in a file, so that a
// restart does not open it anew. A nil one has no end.
type budget struct {
	limit int64
	steps bool // counted as hubs meter, not as the wire carries
	file  string
	now   func() clock.Stamp
	log   *slog.Logger

	once  sync.Once // loads the file
	mu    sync.Mutex
	state budgetState
	saved int64     // of state.Used, in the file
	began time.Time // monotonic: when this process first counted for the day
	told  bool      // that it is used up
}

// budgetState is the content of the file.
type budgetState struct {
	Day  string `json:"day"`  // UTC, as the clock had it; empty while it had none
	Used int64  `json:"used"` // bytes
}

func newBudget(o *DrainOptions) *budget {
	if o.DailyBytes <= 0 {
		return nil
	}
	return &budget{limit: o.DailyBytes, steps: o.DailySteps, file: o.BudgetFile, now: o.Clock.Now, log: o.Log}
}

func (b *budget) load() {
	b.began = time.Now()
	if b.file == "" {
		return
	}
	text, err := keep.Read(b.file)
	if err == nil {
		err = json.Unmarshal(text, &b.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.state = budgetState{}
		b.log.Warn("what was sent today is not known, the day's budget starts anew", "file", b.file, "err", err)
	}
	b.saved = b.state.Used
}

// spend counts one transfer.
func (b *budget) spend(c *cargo) {
	if b == nil {
		return
	}
	n := int64(c.wire + transferOverhead)
	if b.steps {
		n = int64(c.steps) * meterStep
	}
	b.once.Do(b.load)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	b.state.Used += n
	if b.state.Used-b.saved >= max(1, b.limit/budgetParts) {
		b.save()
	}
}

// turn begins a new day when the clock says so. A clock that is not believed, or
// set back, says nothing: then a day is what this process has run. The caller
// holds mu.
func (b *budget) turn() {
	today := b.today()
	switch {
	case today != "" && b.state.Day == "":
		b.state.Day = today
	case today > b.state.Day || time.Since(b.began) >= day:
		b.state = budgetState{Day: max(today, b.state.Day)}
		b.began, b.told = time.Now(), false
		b.save()
	}
}

// today is empty while the clock is not believed.
func (b *budget) today() string {
	now := b.now()
	if now.Trust == clock.TrustNone {
		return ""
	}
	return now.Wall.UTC().Format(time.DateOnly)
}

// exhausted reports whether the day's budget is used up, and how long that lasts.
func (b *budget) exhausted() (left time.Duration, yes bool) {
	if b == nil {
		return 0, false
	}
	b.once.Do(b.load)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	if b.state.Used < b.limit {
		return 0, false
	}
	left = b.left()
	if !b.told {
		b.told = true
		b.log.Warn("the day's budget is used up: alarms and results go on, telemetry waits", "budget", b.limit, "resumes_in", left)
	}
	return left, true
}

// left is how long the day lasts. The caller holds mu.
func (b *budget) left() time.Duration {
	left := day - time.Since(b.began)
	if now := b.now(); now.Trust != clock.TrustNone && b.today() == b.state.Day {
		midnight := now.Wall.UTC().Truncate(day).Add(day)
		left = min(left, midnight.Sub(now.Wall))
	}
	return max(left, time.Second)
}

// save writes the file, in place of the old one. The caller holds mu.
func (b *budget) save() {
	if b.file == "" || b.state.Used == b.saved {
		return
	}
	if err := b.write(); err != nil {
		b.log.Warn("what was sent today is not saved", "err", err)
	}
	b.saved = b.state.Used // no sooner than another part of the budget is spent
}

func (b *budget) write() error {
	text, err := json.Marshal(b.state)
	if err != nil {
		return fmt.Errorf("encode budget: %w", err)
	}
	if err := keep.Replace(b.file, append(text, '\n'), true); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(b.file), err)
	}
	return nil
}

// keep saves what was counted since the last time.
func (b *budget) keep() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.save()
}

// spent tells the figures: nothing when there is no budget.
func (b *budget) spent() (used, limit int64, left time.Duration, over bool) {
	if b == nil {
		return 0, 0, 0, false
	}
	b.once.Do(b.load)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	return b.state.Used, b.limit, b.left(), b.state.Used >= b.limit
}
