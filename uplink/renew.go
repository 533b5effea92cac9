package uplink

import (
	"context"
	"errors"
	"time"

	"fieldpost/internal/clock"
)

// renew puts a new token when 80 % of the life of the last one have passed, on
// the monotonic clock, or when the clock that dated it was set. A renewal that
// fails is tried again; the links live on as long as the hub lets them.
func (c *connection) renew(ctx context.Context) {
	l := c.link
	tick := time.NewTicker(min(l.opts.TokenLife/50, 15*time.Second))
	defer tick.Stop()
	retry := backoff{min: l.opts.BackoffMin, max: l.opts.BackoffMax}
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Now().Before(next) || !c.due(l.opts.Clock.Now()) {
			continue
		}
		err := c.reauthorize(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			retry.reset()
			continue
		}
		next = time.Now().Add(retry.next())
		if retry.n == 1 {
			d := diagnose(err, l.opts.Clock.Now())
			l.opts.Log.Warn("token was not renewed, the connection lives on while the hub lets it", "err", words(err), "hint", d.hint)
		}
	}
}

func (c *connection) due(now clock.Stamp) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.minted) >= c.link.opts.TokenLife/10*8 || clockStepped(c.stamp, now)
}

// reauthorize asks for the identity again, because a key may have been changed,
// and puts a new token. An identity that names another place ends the connection.
func (c *connection) reauthorize(ctx context.Context) error {
	if now := c.link.ask(); now.err == nil && !c.take(now.id) {
		c.fail(errMoved)
		return errMoved
	}
	if err := c.authorize(ctx); err != nil {
		// An answer that never comes says that the connection is dead, not that
		// the token is refused.
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			c.fail(err)
		}
		return err
	}
	c.link.change(func(s *LinkState) { s.Renewals++ })
	return nil
}

// take puts id in use and reports whether this connection can serve it.
func (c *connection) take(id Identity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.id.samePlace(id) {
		return false
	}
	c.id = id
	return true
}
