package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/pulse"
)

// LinkOptions configures a Link.
type LinkOptions struct {
	// Identity is asked anew for each attempt and each renewal of the token. Its
	// error is shown in the state and asked for again, never fatal. No default.
	Identity func() (Identity, error)
	// Route says how the hub is reached. Default: directly, by what works.
	Route Route
	// Dial makes the connection in place of Route, TLS included; ctx ends it after
	// OpTimeout. Default: by Route.
	Dial func(ctx context.Context, id Identity) (net.Conn, error)
	// Clock dates tokens and checks certificates. No default.
	Clock clock.Clock

	// Earliest is how early the present can be, for certificates and tokens while
	// nothing vouches for Clock; the link raises it by what certificates say. The
	// default knows nothing.
	Earliest *clock.Earliest
	// Urgent tells of a record that should not wait, or of a network that came back: it
	// ends a wait for network or hub, at most once in 60 BackoffMin. Give it room for
	// one. The default is never.
	Urgent <-chan struct{}

	ClockWait   time.Duration // since boot, how long the first attempt waits for a clock that is vouched for; default 0, not at all
	BackoffMin  time.Duration // shortest wait before another attempt; default 1s
	BackoffMax  time.Duration // longest wait before another attempt; default 5m
	StableAfter time.Duration // a connection this old was good: the next attempt is immediate; default 1m
	TokenLife   time.Duration // life of a token, renewed at 80 % of it; default 1h
	OpTimeout   time.Duration // deadline of one operation of the link, a breach drops the connection; default 30s
	IdleTimeout time.Duration // silence after which a connection is dead; half of it is asked of the hub; default 1m
	StallAfter  time.Duration // without progress, though there is work, before all is made anew; default 5m

	OnState func(LinkState) // told every change, in order; must not block; default nobody
	Log     *slog.Logger    // default discards
}

func (o *LinkOptions) setDefaults() {
	for d, v := range map[*time.Duration]time.Duration{
		&o.BackoffMin: time.Second, &o.BackoffMax: 5 * time.Minute, &o.StableAfter: time.Minute,
		&o.TokenLife: time.Hour, &o.OpTimeout: 30 * time.Second, &o.IdleTimeout: time.Minute,
		&o.StallAfter: 5 * time.Minute,
	} {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Earliest == nil {
		o.Earliest = clock.NewEarliest(time.Time{})
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
	trust   *trust
	twice   *twice
	yard    yard
	route   *router
	detour  detour
	retry   backoff
	refused int       // attempts in a row that ended with a refused identity
	lost    time.Time // when the last good connection ended; zero once the hub has been reached since
	hurried time.Time // when a wait was last cut short for Urgent
	hurry   bool      // Urgent has spoken and no attempt was made since
	told    string
	pulse   pulse.Pulse

	telling sync.Mutex // held while OnState runs, so that changes are told in order
	mu      sync.Mutex
	state   LinkState
	left    []<-chan error // of a Serve that goes on without a connection; nil when there is none
}

// NewLink returns a Link that serves tenants once Run is called.
func NewLink(opts LinkOptions, tenants ...Tenant) *Link {
	opts.setDefaults()
	l := &Link{
		opts:    opts,
		tenants: tenants,
		trust:   &trust{clock: opts.Clock, earliest: opts.Earliest},
		twice:   &twice{curve: backoff{min: opts.BackoffMin, max: opts.BackoffMax}},
		retry:   backoff{min: opts.BackoffMin, max: opts.BackoffMax},
		state:   LinkState{Phase: PhaseWaiting, Since: time.Now()},
		left:    make([]<-chan error, len(tenants)),
	}
	l.route = opts.Route.router(l.trust)
	for _, t := range tenants {
		l.state.Tenants = append(l.state.Tenants, TenantState{Name: t.Name()})
	}
	return l
}

// Run connects, serves the tenants, and connects again, until ctx ends. Then the
// tenants are asked to stop, the connection is closed in order or, after two
// seconds, cut, and Run returns nil. It may be called once.
func (l *Link) Run(ctx context.Context) error {
	defer l.pulse.Rest(time.Time{})
	l.awaitClock(ctx)
	for ctx.Err() == nil {
		l.pulse.Beat()
		asked, online, err := l.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		if err = l.turn(online, err); planned(err) {
			l.opts.Log.Info("link is made anew", "why", words(err))
			continue
		}
		wait, patient := l.judge(asked, online, err)
		l.wait(ctx, asked, wait, patient)
	}
	l.enter(PhaseWaiting)
	return nil
}

// Late returns for how long the link should have been heard of, 0 while it is in
// time. Waiting for a network, an identity or the hub is being in time; online, it
// is heard of when its watchdog has looked at the tenants.
func (l *Link) Late() time.Duration { return l.pulse.Late() }

// asked is what one attempt had to go by.
type asked struct {
	id    Identity
	err   error // of LinkOptions.Identity
	stamp clock.Stamp
}

func (l *Link) ask(ctx context.Context) asked {
	a := asked{stamp: l.opts.Clock.Now()}
	a.id, a.err = await(ctx, &l.yard, l.opts.OpTimeout, l.opts.Identity, nil)
	if a.err == nil {
		a.err = a.id.check()
	}
	return a
}

// attempt is one round: ask, dial, authorize, serve until it ends. It returns
// how long the link was online and why it is not any more.
func (l *Link) attempt(ctx context.Context) (asked, time.Duration, error) {
	a := l.ask(ctx)
	if a.err != nil {
		return a, 0, &noIdentityError{a.err}
	}
	l.enter(PhaseDialing)
	c, err := l.reach(ctx, a.id)
	if err != nil {
		return a, 0, err
	}
	defer l.closing(c)
	l.pulse.Beat()
	l.enter(PhaseAuthorizing)
	if err := l.admit(ctx, c); err != nil {
		return a, 0, err
	}
	began := time.Now()
	l.pulse.Beat()
	l.enter(PhaseOnline)
	l.opts.Log.Info("link is online", "host", c.at.of(a.id).Host, "device", a.id.DeviceID, "transport", l.State().Transport)
	l.calm()
	err = c.serve(ctx)
	return a, time.Since(began), err
}

// calm forgets what was urgent before the link came online.
func (l *Link) calm() {
	l.told, l.hurry = "", false
	select {
	case <-l.opts.Urgent:
	default:
	}
}

// reach connects, and gives up a dial that does not heed its context.
func (l *Link) reach(ctx context.Context, id Identity) (*connection, error) {
	at := l.detour.place
	c, err := await(ctx, &l.yard, l.opts.OpTimeout, func() (*connection, error) { return l.connect(ctx, id, at) }, (*connection).close)
	if errors.Is(err, errAbandoned) {
		err = fmt.Errorf("dial %s: %w", id.addr(), err)
	}
	return c, err
}

// admit authorizes; what of it does not heed its deadline ends with its connection.
func (l *Link) admit(ctx context.Context, c *connection) error {
	defer time.AfterFunc(l.opts.OpTimeout+lateFor, func() { cut(c.net) }).Stop()
	return c.authorize(ctx)
}

// closing closes a connection, and gives up a close that does not return.
func (l *Link) closing(c *connection) {
	_, err := await(context.Background(), &l.yard, stopWithin, func() (struct{}, error) { c.close(); return struct{}{}, nil }, nil)
	if err != nil {
		go cut(c.net)
	}
}
