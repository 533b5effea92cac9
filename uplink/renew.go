package uplink

import (
	"context"
	"errors"
	"time"

	"fieldpost/internal/clock"
)

// renew puts a new token when 80 % of the life of the last one have passed, by
// the clock that nobody sets, or when the clock that dated it was set. A renewal that
// fails is tried again; the links live on as long as the hub lets them. Only when
// the hub does not answer at $cbs until the token is about to run out is the
// connection given up: another one may have better luck.
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
		now := l.opts.Clock.Now()
		if time.Now().Before(next) || !c.due(now) {
			continue
		}
		err := c.reauthorize(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			retry.reset()
			next = time.Time{}
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) && c.tokenAge(now) >= l.opts.TokenLife/40*39 {
			c.fail(err)
			return
		}
		d := diagnose(err, l.trust.Now())
		wait := retry.next()
		if d.slow || d.refused {
			wait = retry.slow(throttledFactor)
		}
		// Without this the last try before the end might come after it.
		if left := l.opts.TokenLife/40*39 - c.tokenAge(now); left > l.opts.BackoffMin {
			wait = min(wait, left)
		}
		next = time.Now().Add(wait)
		if retry.n <= 2 {
			l.opts.Log.Warn("token was not renewed, the connection lives on while the hub lets it", "err", words(err), "hint", d.hint)
		}
	}
}

// due reports whether the token in use wants to be replaced: it is old, or the
// clock that dated it was wrong, or was not vouched for and is now.
func (c *connection) due(now clock.Stamp) bool {
	if c.tokenAge(now) >= c.link.opts.TokenLife/10*8 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return clockStepped(c.stamp, now) || now.Trust == clock.TrustSynced && c.stamp.Trust != clock.TrustSynced
}

// tokenAge is how long ago the token in use was made. The monotonic clock of the
// program stands still while the machine sleeps, that of the boot does not.
func (c *connection) tokenAge(now clock.Stamp) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := time.Since(c.minted)
	if now.Boot == c.stamp.Boot {
		age = max(age, now.BootTime-c.stamp.BootTime)
	}
	return age
}

// reauthorize asks for the identity again, because a key may have been changed,
// and puts a new token. An identity that names another place ends the connection.
func (c *connection) reauthorize(ctx context.Context) error {
	if now := c.link.ask(ctx); now.err == nil && !c.take(now.id) {
		c.fail(errMoved)
		return errMoved
	}
	if c.proof != proofCBS {
		return nil
	}
	if err := c.authorize(ctx); err != nil {
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
