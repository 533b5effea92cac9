package uplink

import (
	"context"
	"errors"
	"time"
)

// errTokenDue ends a connection whose token cannot be renewed in place: the hub
// would drop it when the token ends.
var errTokenDue = errors.New("token of the connection is due for another")

// planned reports whether a connection was ended for another that is made at
// once: not a failure.
func planned(err error) bool {
	var to *redirectError
	return errors.Is(err, errTokenDue) || errors.Is(err, errMoved) || errors.As(err, &to)
}

// observe looks whether the identity has changed since the connection was made, and
// whether the token of SASL PLAIN is due. What cannot be changed in place ends
// the connection in order.
func (c *connection) observe(ctx context.Context) {
	l := c.link
	tick := time.NewTicker(l.pollEvery())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.mu.Lock()
		was := c.id
		c.mu.Unlock()
		if c.proof == proofPlain && !was.Key.IsZero() && c.due(l.opts.Clock.Now()) {
			c.drop(errTokenDue)
			return
		}
		now := l.ask(ctx)
		switch {
		case now.err != nil: // what was good enough to connect still is
		case was.equal(now.id):
		case !was.samePlace(now.id), c.proof == proofPlain && !was.sameToken(now.id):
			c.drop(errMoved)
			return
		case c.proof == proofCBS && !was.sameToken(now.id):
			if err := c.reauthorize(ctx); err != nil && ctx.Err() == nil {
				l.opts.Log.Warn("changed key or token was refused, the connection lives on while the hub lets it", "err", words(err))
			}
		default:
			c.take(now.id)
		}
	}
}
