package uplink_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

func TestStatesOfAGoodStart(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.start()
	s := r.until("online", online)
	must(t, s.Connects == 1 && s.Failures == 0 && s.LastError == "" && s.Cause == "", "state %+v", s)
	r.until("the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
	r.mu.Lock()
	var phases []string
	for _, s := range r.states {
		if len(phases) == 0 || phases[len(phases)-1] != s.Phase {
			phases = append(phases, s.Phase)
		}
	}
	r.mu.Unlock()
	must(t, strings.Join(phases, " ") == "dialing authorizing online", "phases %v", phases)
	r.stop()
	s = r.link.State()
	must(t, s.Phase == uplink.PhaseWaiting && !s.Tenants[0].Serving, "after stop: %+v", s)
}

func TestWrongKeyIsNamedAndDoesNotStorm(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	id := r.identity()
	id.Key = auth.NewKey([]byte("this is another key of a device."))
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.opts.BackoffMin, r.opts.BackoffMax = 20*time.Millisecond, time.Hour
	r.append(1)
	r.start()
	s := r.until("the slow curve", func(s uplink.LinkState) bool { return s.Failures == 3 })
	must(t, s.Phase == uplink.PhaseWaiting && s.Cause == uplink.CauseIdentity, "state %+v", s)
	must(t, strings.Contains(s.LastError, "401") && strings.Contains(s.Hint, "key"), "error %q, hint %q", s.LastError, s.Hint)
	must(t, s.Connects == 0, "%d connects", s.Connects)
	r.mu.Lock()
	defer r.mu.Unlock()
	var waits []time.Duration
	for _, s := range r.states {
		if s.Phase == uplink.PhaseWaiting {
			waits = append(waits, s.NextAttempt.Sub(s.Since))
		}
	}
	// The second attempt has a new token and comes soon, the others do not.
	must(t, waits[0] <= 2*r.opts.BackoffMin, "wait before the new token: %s", waits[0])
	for _, w := range waits[1:] {
		must(t, w >= 30*r.opts.BackoffMin, "wait after a new token was refused: %s", w)
	}
}

// A key that is put right is used at once, however long the wait was to be.
func TestCorrectedKeyEndsTheWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.opts.BackoffMin = 100 * time.Millisecond
	good, bad := r.identity(), r.identity()
	bad.Key = auth.NewKey([]byte("x"))
	var repaired atomic.Bool
	r.opts.Identity = func() (uplink.Identity, error) {
		if repaired.Load() {
			return good, nil
		}
		return bad, nil
	}
	r.opts.BackoffMax = time.Hour
	r.start()
	r.until("the slow curve", func(s uplink.LinkState) bool { return s.Failures == 2 })
	repaired.Store(true)
	r.until("online", online)
	r.mustHaveCutTheWaitShort()
}

// mustHaveCutTheWaitShort checks that the attempt that brought the link online
// came before its time.
func (r *rig) mustHaveCutTheWaitShort() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var planned, dialed time.Time
	for _, s := range r.states {
		switch s.Phase {
		case uplink.PhaseWaiting:
			planned = s.NextAttempt
		case uplink.PhaseDialing:
			dialed = s.Since
		case uplink.PhaseOnline:
			must(r.t, dialed.Before(planned), "attempt at %s, as planned for %s", dialed, planned)
			return
		}
	}
}

func TestWrongCAIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	id.RootCAs = x509.NewCertPool()
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "wrong CA") && strings.Contains(s.Hint, "ca_file"), "state %+v", s)
	must(t, strings.Contains(s.LastError, "unknown authority"), "error %q", s.LastError)
}

func TestMissingIdentityIsShownAndRecoveredFrom(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	var there atomic.Bool
	r.opts.Identity = func() (uplink.Identity, error) {
		if there.Load() {
			return id, nil
		}
		return uplink.Identity{}, &os.PathError{Op: "open", Path: "/etc/fieldpost/connection-string", Err: os.ErrNotExist}
	}
	ids := r.append(3)
	r.start()
	s := r.until("no identity", func(s uplink.LinkState) bool { return s.Phase == uplink.PhaseNoIdentity })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.LastError, "/etc/fieldpost/connection-string"), "state %+v", s)
	there.Store(true)
	r.until("online", online)
	r.drained()
	r.mustHave(ids, 0)
}

func TestUnreachableHubIsTheNetwork(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.hub.Cut()
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures >= 2 })
	must(t, s.Cause == uplink.CauseNetwork && strings.Contains(s.Hint, "firewall"), "state %+v", s)
}

// The hub forgives no skew and tokens live for three to four seconds, because
// expiries are whole seconds and our clock is one ahead: without a renewal the
// links would be gone before the second one.
func TestRenewalKeepsTheLink(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{ClockSkew: -1})
	r.clock.SetWall(time.Now().Add(time.Second))
	r.opts.TokenLife = 3 * time.Second
	r.start()
	s := r.until("two renewals", func(s uplink.LinkState) bool { return s.Renewals == 2 })
	ids := r.append(10)
	r.drained()
	r.mustHave(ids, 0)
	s = r.link.State()
	must(t, s.Connects == 1 && s.Failures == 0 && s.Tenants[0].Restarts == 0, "state %+v", s)
}

// A renewal that is refused costs nothing while the old token is good.
func TestFailedRenewalKeepsTheLink(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	id := r.identity()
	var asked atomic.Int64
	r.opts.Identity = func() (uplink.Identity, error) {
		defer r.bell.ring()
		if asked.Add(1) > 1 {
			id.Key = auth.NewKey([]byte("y"))
		}
		return id, nil
	}
	r.opts.TokenLife = time.Second
	r.start()
	r.until("online", online)
	r.until("renewals to be tried", func(uplink.LinkState) bool { return asked.Load() >= 4 })
	ids := r.append(10)
	r.drained()
	r.mustHave(ids, 0)
	s := r.link.State()
	must(t, s.Connects == 1 && s.Failures == 0 && s.Renewals == 0, "state %+v", s)
}

func TestClockStepRenewsTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.opts.TokenLife = 10 * time.Second
	r.clock.SetWall(time.Now().Add(-2 * time.Minute))
	r.start()
	r.until("the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
	r.clock.SetWall(time.Now())
	s := r.until("a new token", func(s uplink.LinkState) bool { return s.Renewals == 1 })
	must(t, s.Connects == 1, "state %+v", s)
}

// A token dated by a clock that is two hours slow is refused; the wait ends when
// the clock is set.
func TestClockStepEndsTheWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.opts.BackoffMin = 100 * time.Millisecond
	r.opts.BackoffMax = time.Hour
	r.clock.SetWall(time.Now().Add(-2 * time.Hour))
	r.clock.SetTrust(clock.TrustPlausible)
	r.opts.Dial = func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{RootCAs: id.RootCAs}}
		return d.DialContext(ctx, "tcp", id.Addr)
	}
	r.start()
	s := r.until("the slow curve", func(s uplink.LinkState) bool { return s.Failures == 2 })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "clock"), "state %+v", s)
	r.clock.SetWall(time.Now())
	r.until("online", online)
	r.mustHaveCutTheWaitShort()
}

type failing struct{ rounds atomic.Int64 }

func (*failing) Name() string { return "failing" }

func (f *failing) Serve(ctx context.Context, s *amqp.Session) error {
	f.rounds.Add(1)
	_, err := s.NewSender(ctx, "/no/such/address", nil)
	if err == nil {
		err = errors.New("the hub has an address /no/such/address")
	}
	return err
}

func TestTenantFailsAlone(t *testing.T) {
	r := newRig(t, hub.Options{})
	f := &failing{}
	r.with = []uplink.Tenant{f}
	r.opts.BackoffMin, r.opts.BackoffMax = time.Millisecond, 40*time.Millisecond
	r.start()
	r.until("restarts", func(s uplink.LinkState) bool { return s.Tenants[1].Restarts >= 3 })
	ids := r.append(100)
	r.drained()
	r.mustHave(ids, 0)
	s := r.link.State()
	must(t, s.Phase == uplink.PhaseOnline && s.Connects == 1, "state %+v", s)
	must(t, s.Tenants[0].Restarts == 0 && s.Tenants[0].LastError == "", "drain %+v", s.Tenants[0])
	must(t, s.Tenants[1].Cause == uplink.CauseIdentity && strings.Contains(s.Tenants[1].LastError, "amqp:not-found"), "failing %+v", s.Tenants[1])
}

// A device that is disabled under a live connection costs the links; once enabled
// again it works without anyone's help.
func TestDisabledDevice(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.start()
	r.until("the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
	if err := r.hub.DisableDevice(deviceID); err != nil {
		t.Fatal(err)
	}
	ids := r.append(5)
	r.until("the refusal", func(s uplink.LinkState) bool {
		return s.Cause == uplink.CauseIdentity || s.Tenants[0].Cause == uplink.CauseIdentity
	})
	if err := r.hub.EnableDevice(deviceID); err != nil {
		t.Fatal(err)
	}
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
}

func throughProxy(t *testing.T, r *rig) *proxy {
	p := newProxy(t, r.hub.Addr())
	id := r.identity()
	id.Addr = p.addr()
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	return p
}

// The peer is gone without a word, while messages wait for their answer: the
// answer does not come, nor does the end of the session, so the connection goes.
func TestHalfOpenPeerIsNoticedWhileSending(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	p := throughProxy(t, r)
	r.dopts.SettleWithin = 2 * time.Second
	r.opts.OpTimeout = 3 * time.Second
	r.start()
	ids := r.append(5)
	r.drained()
	p.silence()
	ids = append(ids, r.append(5)...)
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	s := r.link.State()
	must(t, s.Connects == 2, "state %+v", s)
}

// Nothing is sent: only the silence tells.
func TestHalfOpenPeerIsNoticedWhileIdle(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	p := throughProxy(t, r)
	r.opts.IdleTimeout = 3 * time.Second
	r.start()
	r.until("the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
	p.silence()
	s := r.until("another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
	must(t, s.Failures == 1, "state %+v", s)
}

// The first attempt after a connection that was good is immediate; after one
// that was not, it waits.
func TestImmediateAfterAStableConnection(t *testing.T) {
	for name, stable := range map[string]time.Duration{"stable": time.Nanosecond, "short": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, hub.Options{})
			r.opts.StableAfter = stable
			r.start()
			r.until("online", online)
			r.hub.Cut()
			r.until("the failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, s := range r.states {
				if s.Phase == uplink.PhaseWaiting {
					wait := s.NextAttempt.Sub(s.Since)
					must(t, (wait == 0) == (name == "stable"), "waits %s", wait)
					return
				}
			}
			t.Error("no wait was told")
		})
	}
}

func TestRunEndsWhileWaiting(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.hub.Cut()
	r.opts.BackoffMin, r.opts.BackoffMax = time.Hour, time.Hour
	r.start()
	r.until("the wait", func(s uplink.LinkState) bool { return s.Phase == uplink.PhaseWaiting && s.Failures == 1 })
	r.stop()
}
