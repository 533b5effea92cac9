package uplink

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errPaused = errors.New("paused: the hub asked for less")

// pace decides how much may be on its way to the hub, and when nothing may. The
// window grows by one for each window of accepted messages and is halved when
// the hub hands a message back; then nothing is sent for a while either.
type pace struct {
	max, maxBytes int

	mu           sync.Mutex
	limit        int // of messages on their way, 1..max
	grown        int // accepted since limit was raised last
	count, bytes int
	retry        backoff
	slowed       time.Time     // when the last pause began
	until        time.Time     // when it ends
	left         chan struct{} // one token when something left the window
}

func newPace(count, bytes int, retry backoff) *pace {
	return &pace{max: count, maxBytes: bytes, limit: count, retry: retry, left: make(chan struct{}, 1)}
}

// ready waits until no pause is on and the window has room for another message.
func (p *pace) ready(ctx context.Context) error {
	for {
		err := p.enter(ctx, 0)
		if err == nil {
			p.leave(0)
			return nil
		}
		if !errors.Is(err, errPaused) {
			return err
		}
		t := time.NewTimer(time.Until(p.pausedUntil()))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// enter waits until the window has room for one message of size bytes and takes
// it. An empty window has room for any size. One goroutine may wait at a time.
// The error is errPaused or that of ctx.
func (p *pace) enter(ctx context.Context, size int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.mu.Lock()
		switch {
		case time.Now().Before(p.until):
			p.mu.Unlock()
			return errPaused
		case p.count == 0 || (p.count < p.limit && p.bytes+size <= p.maxBytes):
			p.count++
			p.bytes += size
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.left:
		}
	}
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

// accepted notes that the hub took a message that was sent at that time. It
// reports whether this ended a time of trouble.
func (p *pace) accepted(sent time.Time) (recovered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retry.n > 0 && sent.After(p.slowed) {
		p.retry.reset()
		recovered = true
	}
	if p.limit < p.max {
		if p.grown++; p.grown >= p.limit {
			p.grown = 0
			p.limit++
		}
	}
	return recovered
}

// slow notes that the hub handed back a message that was sent at that time. All
// that were on their way when the pause began count as one event: slow returns
// how many events there were since the last recovery, or 0 when this message
// belongs to the last one, and when the pause ends.
func (p *pace) slow(sent time.Time, factor int) (event int, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !sent.After(p.slowed) {
		return 0, p.until
	}
	now := time.Now()
	p.limit = max(1, p.limit/2)
	p.grown = 0
	p.slowed = now
	p.until = now.Add(p.retry.slow(factor))
	return p.retry.n, p.until
}

func (p *pace) pausedUntil() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until
}

func (p *pace) window() (limit, inFlight int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit, p.count
}
