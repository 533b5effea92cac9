package uplink

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"fieldpost/internal/clock"
)

// LinkOptions configures a Link.
type LinkOptions struct {
	// Identity is asked anew for each attempt and each renewal of the token. Its
	// error is shown in the state and asked for again, never fatal. No default.
	Identity func() (Identity, error)
	// Dial makes the connection, TLS included; ctx ends it after OpTimeout. The
	// default resolves the name anew and does TLS 1.2 or later to Identity.Addr.
	Dial func(ctx context.Context, id Identity) (net.Conn, error)
	// Clock dates tokens and checks certificates. No default.
	Clock clock.Clock

	BackoffMin  time.Duration // shortest wait before another attempt; default 1s
	BackoffMax  time.Duration // longest wait before another attempt; default 5m
	StableAfter time.Duration // a connection this old was good: the next attempt is immediate; default 1m
	TokenLife   time.Duration // life of a token, renewed at 80 % of it; default 1h
	OpTimeout   time.Duration // deadline of one operation of the link, a breach drops the connection; default 30s
	IdleTimeout time.Duration // silence after which a connection is dead; half of it is asked of the hub; default 1m

	OnState func(LinkState) // told every change, in order; must not block; default nobody
	Log     *slog.Logger    // default discards
}

func (o *LinkOptions) setDefaults() {
	for d, v := range map[*time.Duration]time.Duration{
		&o.BackoffMin: time.Second, &o.BackoffMax: 5 * time.Minute, &o.StableAfter: time.Minute,
		&o.TokenLife: time.Hour, &o.OpTimeout: 30 * time.Second, &o.IdleTimeout: time.Minute,
	} {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Dial == nil {
		o.Dial = dialTLS(o.Clock)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Link owns the connection to the hub and nothing else: what is said over it is
// the business of its tenants.
type Link struct {
	opts    LinkOptions
	tenants []Tenant
	retry   backoff
	refused int // attempts in a row that ended with a refused identity
	told    string

	telling sync.Mutex // held while OnState runs, so that changes are told in order
	mu      sync.Mutex
	state   LinkState
}

// NewLink returns a Link that serves tenants once Run is called.
func NewLink(opts LinkOptions, tenants ...Tenant) *Link {
	opts.setDefaults()
	l := &Link{
		opts:    opts,
		tenants: tenants,
		retry:   backoff{min: opts.BackoffMin, max: opts.BackoffMax},
		state:   LinkState{Phase: PhaseWaiting, Since: time.Now()},
	}
	for _, t := range tenants {
		l.state.Tenants = append(l.state.Tenants, TenantState{Name: t.Name()})
	}
	return l
}

// Run connects, serves the tenants, and connects again, until ctx ends. Then the
// tenants are asked to stop, the connection is closed in order or, after two
// seconds, cut, and Run returns nil. It may be called once.
func (l *Link) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		asked, online, err := l.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		l.wait(ctx, asked, l.judge(asked, online, err))
	}
	l.enter(PhaseWaiting)
	return nil
}

// asked is what one attempt had to go by.
type asked struct {
	id    Identity
	err   error // of LinkOptions.Identity
	stamp clock.Stamp
}

func (l *Link) ask() asked {
	a := asked{stamp: l.opts.Clock.Now()}
	a.id, a.err = l.opts.Identity()
	if a.err == nil {
		a.err = a.id.check()
	}
	return a
}

// attempt is one round: ask, dial, authorize, serve until it ends. It returns
// how long the link was online and why it is not any more.
func (l *Link) attempt(ctx context.Context) (asked, time.Duration, error) {
	a := l.ask()
	if a.err != nil {
		return a, 0, &noIdentityError{a.err}
	}
	l.enter(PhaseDialing)
	c, err := l.connect(ctx, a.id)
	if err != nil {
		return a, 0, err
	}
	defer c.close()
	l.enter(PhaseAuthorizing)
	if err := c.authorize(ctx); err != nil {
		return a, 0, err
	}
	began := time.Now()
	l.enter(PhaseOnline)
	l.opts.Log.Info("link is online", "host", a.id.Host, "device", a.id.DeviceID)
	l.told = ""
	err = c.serve(ctx)
	return a, time.Since(began), err
}

// judge books the end of an attempt and decides how long to wait.
func (l *Link) judge(a asked, online time.Duration, err error) time.Duration {
	d := diagnose(err, l.opts.Clock.Now())
	stable := online >= l.opts.StableAfter
	if stable {
		l.retry.reset()
		l.refused = 0
	}
	if d.refused {
		l.refused++
	} else {
		l.refused = 0
	}
	var wait time.Duration
	switch {
	case errors.Is(err, errMoved):
	case a.err != nil:
		wait = l.pollEvery()
	case stable && !d.refused && !d.slow:
	case d.refused && l.refused > 1:
		wait = l.retry.slow(refusedFactor)
	case d.slow:
		wait = l.retry.slow(throttledFactor)
	default:
		wait = l.retry.next()
	}
	l.tell(err, d, wait)
	now := time.Now()
	l.change(func(s *LinkState) {
		s.Phase, s.Since, s.NextAttempt = PhaseWaiting, now, now.Add(wait)
		if a.err != nil {
			s.Phase = PhaseNoIdentity
		}
		s.Failures++
		s.LastError, s.Cause, s.Hint = words(err), d.cause, d.hint
		for i := range s.Tenants {
			s.Tenants[i].Serving = false
		}
	})
	return wait
}

// tell logs a failure when it is not the one that was told before.
func (l *Link) tell(err error, d diagnosis, wait time.Duration) {
	level := slog.LevelWarn
	if d.refused {
		level = slog.LevelError
	}
	if key := d.cause + ": " + words(err); key != l.told {
		l.told = key
	} else {
		level = slog.LevelDebug
	}
	l.opts.Log.Log(context.Background(), level, "link is down", "cause", d.cause, "err", words(err), "hint", d.hint, "wait", wait)
}

// pollEvery is how often a waiting link looks whether what it lacks has come.
func (l *Link) pollEvery() time.Duration { return 5 * l.opts.BackoffMin }

// wait returns after d, or earlier when the identity has changed or the clock was
// set: then the reason for the last failure may be gone.
func (l *Link) wait(ctx context.Context, last asked, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	poll := time.NewTicker(l.pollEvery())
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-poll.C:
			if now := l.ask(); l.changed(last, now) {
				l.refused = 0
				return
			}
		}
	}
}

func (l *Link) changed(last, now asked) bool {
	if clockStepped(last.stamp, now.stamp) {
		return true
	}
	return now.err == nil && (last.err != nil || !last.id.equal(now.id))
}
