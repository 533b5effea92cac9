package uplink

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errPaused = errors.New("paused: the hub asked for less")

// What the hub asked for when it handed a message back.
type plea int

const (
	pleaAgain  plea = iota // nothing: it could not take this one
	pleaSlower             // less a second
	pleaQuota              // nothing more today
)

// quotaFactor is where the pauses start while the hub's quota is used up, as a
// multiple of BackoffMin: it is a matter of hours.
const quotaFactor = 60

func (p plea) factor() int { return [...]int{1, throttledFactor, quotaFactor}[p] }

// pace decides how much may be on its way to the hub, and when nothing may. The
// window is halved when the hub hands a message back; then nothing is sent for a
// while either. While the hub's quota is used up one message at a time asks
// whether it still is.
type pace struct {
	rate   float64 // records a second; 0 = no cap
	record int     // most records in one transfer

	mu           sync.Mutex
	win          window
	count, bytes int
	due          time.Time // when the cap lets the next record go
	retry        backoff
	plea         plea          // of the last trouble
	slowed       time.Time     // when the last pause began
	until        time.Time     // when it ends
	left         chan struct{} // one token when something left the window
}

func newPace(o *DrainOptions) *pace {
	p := &pace{
		rate:   o.Rate,
		record: max(1, o.BatchRecords),
		win:    newWindow(o.Window, o.WindowBytes, o.SettleWithin/4),
		retry:  backoff{min: o.BackoffMin, max: o.BackoffMax},
		left:   make(chan struct{}, 1),
	}
	if o.Rate > 0 { // no more than a second's worth at a time
		p.record = max(1, min(p.record, int(o.Rate)))
	}
	return p
}

// ready waits until no pause is on and the window has room for another message.
func (p *pace) ready(ctx context.Context) error {
	for {
		err := p.enter(ctx, 0, 0)
		if err == nil {
			p.leave(0)
			return nil
		}
		if !errors.Is(err, errPaused) {
			return err
		}
		if err := pause(ctx, time.Until(p.pausedUntil()), nil); err != nil {
			return err
		}
	}
}

// pause waits for d, or less when woken. The error is that of ctx.
func pause(ctx context.Context, d time.Duration, woken <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	case <-woken:
	}
	return nil
}

// enter waits until the window has room for one message of size bytes and the
// cap lets its n records go, and takes both. An empty window has room for any
// size. One goroutine may wait at a time. The error is errPaused or that of ctx.
func (p *pace) enter(ctx context.Context, size, n int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait, err := p.try(size, n)
		switch {
		case err != nil:
			return err
		case wait > 0:
			err = pause(ctx, wait, nil)
		case wait < 0:
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-p.left:
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// try takes room, or tells how long to wait for it; negative until something left.
func (p *pace) try(size, n int) (wait time.Duration, err error) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) {
		return 0, errPaused
	}
	limit, bytes := p.limits()
	if p.count > 0 && (p.count >= limit || p.bytes+size > bytes) {
		p.win.narrow = true
		return -1, nil
	}
	if p.rate > 0 && n > 0 {
		if wait := p.due.Sub(now); wait > 0 {
			return wait, nil
		}
		p.due = now.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	}
	p.count++
	p.bytes += size
	return 0, nil
}

// leave gives the room of one message back.
func (p *pace) leave(size int) {
	p.mu.Lock()
	p.count--
	p.bytes -= size
	p.mu.Unlock()
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// accepted notes that the hub took what was sent at that time. It reports whether
// this ended a time of trouble.
func (p *pace) accepted(sent time.Time, size int) (recovered bool) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retry.n > 0 && sent.After(p.slowed) {
		p.retry.reset()
		p.plea = pleaAgain
		recovered = true
	}
	p.win.answered(now, sent, size, p.count)
	return recovered
}

// slow notes that the hub handed back what was sent at that time. All that were
// on their way when the pause began count as one event: slow returns how many
// events there were since the last recovery, or 0 when this message belongs to
// the last one, and when the pause ends.
func (p *pace) slow(sent time.Time, asked plea) (event int, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !sent.After(p.slowed) {
		return 0, p.until
	}
	now := time.Now()
	p.win.shrink(0.5)
	p.plea = asked
	p.slowed = now
	p.until = now.Add(p.retry.slow(asked.factor()))
	return p.retry.n, p.until
}

// unanswered notes that something was not answered in time.
func (p *pace) unanswered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.win.shrink(0.5)
}

// renew begins a new link.
func (p *pace) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.win.renew()
}

func (p *pace) pausedUntil() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until
}

// capped reports whether the cap lets nothing go now.
func (p *pace) capped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.due)
}

// limits is what the window may hold now. The caller holds mu.
func (p *pace) limits() (count, bytes int) {
	if p.plea == pleaQuota {
		return 1, int(p.win.bytes.now)
	}
	return int(p.win.count.now), int(p.win.bytes.now)
}

// share is how much one transfer may hold, so that two fit into the window.
func (p *pace) share() (records, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plea == pleaQuota {
		return 1, maxBatch
	}
	return p.record, min(maxBatch, int(p.win.bytes.now)/2)
}

// load is what is on its way.
type load struct {
	count, limit, bytes, maxBytes int
	latency                       time.Duration // the shortest on this link
	plea                          plea
}

func (p *pace) load() load {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, most := p.limits()
	return load{count: p.count, limit: limit, bytes: p.bytes, maxBytes: most, latency: p.win.base, plea: p.plea}
}
