package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

// connectionKey is the context key under which a tenant of this package finds
// the connection it lives on.
type connectionKey struct{}

// maxUnended bounds the sessions of one connection whose end the hub has never
// answered, in sessions.
const maxUnended = 64

var (
	errUnended = errors.New("the hub does not answer the end of the session")
	errDeaf    = errors.New("has not ended since it was asked to; it is served again when it has")
)

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
		if c.follow(err) {
			return
		}
		if c.fatal(t, err) {
			c.fail(fmt.Errorf("%s: %w", t.Name(), err))
			return
		}
		stable := time.Since(began) >= opts.StableAfter
		if stable {
			retry.reset()
			refused = 0
		}
		d := diagnose(err, c.link.trust.Now())
		if d.token && c.proof == proofCertificate {
			d.token, d.hint = false, hintCertificate
		}
		var wait time.Duration
		loud := false
		switch {
		case d.twice:
			wait, loud = c.link.twice.robbed()
		case d.refused:
			wait = retry.slow(refusedFactor)
			if refused++; refused == 1 {
				// The token may have run out, or been dated by a wrong clock.
				if d.token {
					c.link.trust.doubt(true)
				}
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
		c.link.tenantDown(i, err, d, wait, loud)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// session is one round of a tenant, from begin to end.
func (c *connection) session(ctx context.Context, i int, t Tenant) error {
	if !c.link.back(i) {
		return errDeaf
	}
	limit, cancel := context.WithTimeout(ctx, c.link.opts.OpTimeout)
	session, err := c.amqp.NewSession(limit, nil)
	cancel()
	if err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	c.link.tenantUp(i)
	good := time.AfterFunc(c.link.opts.StableAfter, func() { c.link.tenantGood(i) })
	err = c.round(ctx, i, t, session)
	good.Stop()
	if err == nil {
		err = errors.New("ended without an error")
	}
	limit, cancel = context.WithTimeout(context.WithoutCancel(ctx), c.link.opts.OpTimeout)
	defer cancel()
	if fail := session.Close(limit); errors.Is(fail, context.DeadlineExceeded) {
		c.ended.Add(1)
		return fmt.Errorf("%w (after: %w)", errUnended, err)
	}
	return err
}

// round runs Serve. When ctx has ended and Serve does not return although its
// connection was cut, it is left behind: the others must not wait for it. It is
// not called again before it has returned.
func (c *connection) round(ctx context.Context, i int, t Tenant, session *amqp.Session) error {
	done := make(chan error, 1)
	go func() { done <- t.Serve(context.WithValue(ctx, connectionKey{}, c), session) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end := time.NewTimer(stopWithin + lateFor)
	defer end.Stop()
	select {
	case err := <-done:
		return err
	case <-end.C:
		c.link.leave(i, done)
		c.link.opts.Log.Error("tenant does not end", "tenant", t.Name(), "asked", stopWithin+lateFor)
		return errDeaf
	}
}

// leave notes that the last Serve of tenant i goes on without a connection.
func (l *Link) leave(i int, done <-chan error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[i] = done
}

// back reports whether no Serve of tenant i goes on.
func (l *Link) back(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.left[i]:
		l.left[i] = nil
	default:
	}
	return l.left[i] == nil
}

// fatal reports whether err, of tenant t, means that the connection is of no more
// use. An operation without an answer does, because go-amqp objects cannot be
// trusted after it, unless the peer is heard and another tenant gets on: that one
// is not disturbed for the sake of t.
func (c *connection) fatal(t Tenant, err error) bool {
	var conn *amqp.ConnError
	switch {
	case errors.As(err, &conn):
		return true
	case errors.Is(err, errUnended), errors.Is(err, context.DeadlineExceeded):
		return c.ended.Load() >= maxUnended || c.meter.silence() >= c.link.opts.OpTimeout || !c.needed(t)
	}
	return false
}

func identityRefused(err error) bool {
	var refusal *auth.RefusedError
	return errors.As(err, &refusal) && refusal.Identity()
}

func (l *Link) tenantUp(i int) {
	l.change(func(s *LinkState) { s.Tenants[i].Serving, s.Tenants[i].NextAttempt = true, time.Time{} })
}

func (l *Link) tenantGood(i int) {
	l.change(func(s *LinkState) {
		t := &s.Tenants[i]
		t.LastError, t.Cause, t.Hint = "", "", ""
	})
}

func (l *Link) tenantDown(i int, err error, d diagnosis, wait time.Duration, loud bool) {
	known := false
	l.change(func(s *LinkState) {
		t := &s.Tenants[i]
		known = t.LastError == words(err)
		t.Serving = false
		t.Restarts++
		t.NextAttempt = time.Now().Add(wait)
		t.LastError, t.Cause, t.Hint = words(err), d.cause, d.hint
		s.Twice, s.TwiceAt = l.twice.count()
	})
	level := slog.LevelWarn
	switch {
	case loud:
		level = slog.LevelError
	case known:
		level = slog.LevelDebug
	}
	l.opts.Log.Log(context.Background(), level, "session ended", "tenant", l.tenants[i].Name(), "err", words(err), "hint", d.hint, "wait", wait)
}
