package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

// connectionKey is the context key under which a tenant of this package finds
// the connection it lives on.
type connectionKey struct{}

// tenant gives t one session after the other until ctx ends.
func (c *connection) tenant(ctx context.Context, i int, t Tenant) {
	opts := &c.link.opts
	retry := backoff{min: opts.BackoffMin, max: opts.BackoffMax}
	refused := 0
	for {
		began := time.Now()
		err := c.session(ctx, i, t)
		if ctx.Err() != nil {
			return
		}
		if fatal(err) {
			c.fail(fmt.Errorf("%s: %w", t.Name(), err))
			return
		}
		stable := time.Since(began) >= opts.StableAfter
		if stable {
			retry.reset()
			refused = 0
		}
		d := diagnose(err, opts.Clock.Now())
		var wait time.Duration
		switch {
		case d.refused:
			wait = retry.slow(refusedFactor)
			if refused++; refused == 1 {
				// The token may have run out, or been dated by a wrong clock.
				if fail := c.reauthorize(ctx); identityRefused(fail) {
					c.fail(fail)
					return
				}
				wait = 0
			}
		case d.slow:
			wait = retry.slow(throttledFactor)
		case !stable:
			wait = retry.next()
		}
		c.link.tenantDown(i, err, d, wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// session is one round of a tenant. A session that the hub does not end when it
// is asked to is a connection that is dead.
func (c *connection) session(ctx context.Context, i int, t Tenant) error {
	limit, cancel := context.WithTimeout(ctx, c.link.opts.OpTimeout)
	session, err := c.amqp.NewSession(limit, nil)
	cancel()
	if err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	c.link.tenantUp(i)
	good := time.AfterFunc(c.link.opts.StableAfter, func() { c.link.tenantGood(i) })
	err = t.Serve(context.WithValue(ctx, connectionKey{}, c), session)
	good.Stop()
	if err == nil {
		err = errors.New("ended without an error")
	}
	limit, cancel = context.WithTimeout(context.WithoutCancel(ctx), c.link.opts.OpTimeout)
	defer cancel()
	if fail := session.Close(limit); errors.Is(fail, context.DeadlineExceeded) {
		return fmt.Errorf("end session: %w (after: %w)", fail, err)
	}
	return err
}

// fatal reports whether err means that the connection is of no more use.
func fatal(err error) bool {
	var conn *amqp.ConnError
	return errors.As(err, &conn) || errors.Is(err, context.DeadlineExceeded)
}

func identityRefused(err error) bool {
	var refusal *auth.RefusedError
	return errors.As(err, &refusal) && refusal.Identity()
}

func (l *Link) tenantUp(i int) {
	l.change(func(s *LinkState) { s.Tenants[i].Serving = true })
}

func (l *Link) tenantGood(i int) {
	l.change(func(s *LinkState) {
		t := &s.Tenants[i]
		t.LastError, t.Cause, t.Hint = "", "", ""
	})
}

func (l *Link) tenantDown(i int, err error, d diagnosis, wait time.Duration) {
	known := false
	l.change(func(s *LinkState) {
		t := &s.Tenants[i]
		known = t.LastError == words(err)
		t.Serving = false
		t.Restarts++
		t.LastError, t.Cause, t.Hint = words(err), d.cause, d.hint
	})
	log := l.opts.Log.Warn
	if known {
		log = l.opts.Log.Debug
	}
	log("session ended", "tenant", l.tenants[i].Name(), "err", words(err), "hint", d.hint, "wait", wait)
}
