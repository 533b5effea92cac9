package uplink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

func TestRenewalAtFourFifths(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.start()
		on := r.eventually(time.Minute, "the link", online).Since
		var at []time.Duration
		for len(at) < 10 {
			n := uint64(len(at))
			s := r.eventually(2*time.Hour, "a renewal", func(s uplink.LinkState) bool { return s.Renewals > n })
			at = append(at, time.Since(on).Round(time.Second))
			must(t, s.Connects == 1 && s.Failures == 0 && s.Tenants[0].Restarts == 0, "state %+v", s)
			r.append(1)
		}
		for i, after := range at {
			want := time.Duration(i+1) * 48 * time.Minute
			must(t, after >= want && after <= want+time.Duration(i+1)*16*time.Second, "renewal %d after %s, want %s", i+1, after, want)
		}
		r.drained()
	})
}

// The hub does not answer at $cbs. The connection works and stays, as long as its
// token does; then another one is made in time.
func TestSilentRenewalKeepsTheLinkWhileItCan(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		var silent atomic.Bool
		l.filter = unanswered(&silent)
		r.start()
		on := r.eventually(time.Minute, "the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving }).Since
		silent.Store(true)
		sent := 0
		for time.Since(on) < 57*time.Minute {
			r.append(1)
			sent++
			time.Sleep(time.Minute)
		}
		s := r.link.State()
		must(t, s.Connects == 1 && s.Failures == 0 && s.Renewals == 0, "state %+v", s)
		must(t, int(r.drain.Stats().Accepted) >= sent-1, "%d of %d accepted", r.drain.Stats().Accepted, sent)
		silent.Store(false)
		r.eventually(3*time.Minute, "a renewal or another connection", func(s uplink.LinkState) bool { return s.Connects == 2 || s.Renewals == 1 })
		must(t, time.Since(on) < time.Hour, "only after the token has run out: %s", time.Since(on))
	})
}

func TestSilentRenewalEndsBeforeTheToken(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		var silent atomic.Bool
		l.filter = unanswered(&silent)
		r.start()
		on := r.eventually(time.Minute, "the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving }).Since
		silent.Store(true)
		s := r.eventually(61*time.Minute, "the end of the connection", func(s uplink.LinkState) bool { return s.Failures == 1 })
		after := s.Since.Sub(on)
		must(t, after > 57*time.Minute && after < 60*time.Minute, "ended after %s", after)
	})
}

// A renewal that is refused is tried again with patience: the hub decides when the
// old token is no good any more.
func TestRefusedRenewalIsNoStorm(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		id := r.identity()
		// A session begins for each try, and none for anything else.
		var tries atomic.Int64
		l.filter = func(f []byte) bool {
			if performative(f) == performBegin {
				tries.Add(1)
			}
			return true
		}
		var wrong atomic.Bool
		r.opts.Identity = func() (uplink.Identity, error) {
			id := id
			if wrong.Load() {
				id.Key = auth.NewKey([]byte("this is another key of a device."))
			}
			return id, nil
		}
		r.start()
		r.eventually(time.Minute, "the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
		time.Sleep(time.Minute)
		wrong.Store(true)
		before := tries.Load()
		time.Sleep(time.Hour - 2*time.Minute)
		s := r.link.State()
		must(t, s.Connects == 1 && s.Failures == 0 && s.Renewals == 0, "state %+v", s)
		n := tries.Load() - before
		must(t, n >= 3 && n <= 40, "%d tries to renew in twelve minutes", n)
	})
}

// While the machine sleeps the monotonic clock stands still; the token grows old.
func TestRenewalAfterSleep(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.start()
		r.eventually(time.Minute, "the link", online)
		r.clock.Advance(50 * time.Minute)
		r.eventually(time.Minute, "a renewal", func(s uplink.LinkState) bool { return s.Renewals == 1 })
	})
}

// A clock that becomes trustworthy without a step still gets a token of its own.
func TestTrustedClockMintsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.clock.SetTrust(clock.TrustPlausible)
		r.start()
		r.eventually(time.Minute, "the link", online)
		time.Sleep(time.Minute)
		must(t, r.link.State().Renewals == 0, "state %+v", r.link.State())
		r.clock.SetTrust(clock.TrustSynced)
		r.eventually(time.Minute, "a renewal", func(s uplink.LinkState) bool { return s.Renewals == 1 && s.Connects == 1 })
	})
}

// The hub forgives no skew: a token that was not renewed costs the links, and a
// new one brings them back without another connection.
func TestExpiredTokenIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.answers(func(hub.Event) hub.Settlement { return hub.Accept })
		r.clock.SetWall(time.Now().Add(-64 * time.Minute))
		r.start()
		r.eventually(time.Minute, "the link", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
		ids := r.append(1)
		time.Sleep(2 * time.Minute)
		ids = append(ids, r.append(1)...)
		r.clock.SetWall(time.Now())
		r.eventually(5*time.Minute, "the records", func(uplink.LinkState) bool { return r.drain.Stats().Accepted == 2 })
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}
