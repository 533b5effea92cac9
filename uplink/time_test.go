package uplink_test

import (
	"strings"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/uplink"
)

// A gateway without a clock chip begins in 1970: the certificate of the hub tells
// it what time it is at least.
func TestClockOf1970GoesByTheCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{ClockSkew: 2 * time.Hour})
	r.clock.SetWall(time.Unix(1000, 0))
	r.clock.SetTrust(clock.TrustNone)
	r.opts.TokenLife = 25 * time.Second
	r.opts.Earliest = clock.NewEarliest(time.Time{})
	r.start()
	ids := r.append(3)
	r.drained()
	r.mustHave(ids, 0)
	r.mustHaveTold("certificate", uplink.CauseIdentity)
	must(t, r.opts.Earliest.At().After(time.Now().AddDate(-1, 0, 0)), "the floor is %s", r.opts.Earliest.At())
	r.clock.SetWall(time.Now())
	r.clock.SetTrust(clock.TrustSynced)
	s := r.until("a token of the right time", func(s uplink.LinkState) bool { return s.Renewals > 0 })
	must(t, s.Connects == 1, "state %+v", s)
}

// The certificate of the hub is months old, and so is all that is known of the
// time: a token of the usual life is refused, one with the life of the
// certificate is not.
func TestStaleClockGetsALongerToken(t *testing.T) {
	t.Parallel()
	cert := uplink.IssueForLocalhost(t, time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, 2, 0))
	r := newRig(t, hub.Options{Certificate: &cert})
	r.clock.SetWall(time.Unix(1000, 0))
	r.clock.SetTrust(clock.TrustNone)
	r.start()
	ids := r.append(3)
	r.drained()
	r.mustHave(ids, 0)
	s := r.link.State()
	must(t, s.Connects == 1 && s.Failures == 2, "state %+v", s)
	r.mustHaveTold("token refused: 401", uplink.CauseIdentity)
}

// What has certainly passed counts, whatever the clock says: an expired
// certificate is refused.
func TestExpiredCertificateIsRefusedByTheFloor(t *testing.T) {
	t.Parallel()
	cert := uplink.IssueForLocalhost(t, time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, -1, 0))
	for name, wall := range map[string]time.Time{"a clock of 1970": time.Unix(0, 0), "a clock in its life": time.Now().AddDate(0, 0, -45)} {
		r := newRig(t, hub.Options{Certificate: &cert})
		r.clock.SetWall(wall)
		r.clock.SetTrust(clock.TrustPlausible)
		r.opts.Earliest = clock.NewEarliest(time.Now())
		r.start()
		s := r.until("two failures", func(s uplink.LinkState) bool { return s.Failures == 2 && s.Phase == uplink.PhaseWaiting })
		must(t, s.Connects == 0 && s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "has expired"), "%s: state %+v", name, s)
	}
}

func TestFirstAttemptWaitsForTheClock(t *testing.T) {
	for name, v := range map[string]struct {
		up, synced, want time.Duration
	}{
		"set in time":         {5 * time.Second, 12 * time.Second, 12 * time.Second},
		"never set":           {5 * time.Second, time.Hour, 25 * time.Second},
		"up for long already": {time.Hour, 2 * time.Hour, 0},
		"set already":         {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, l *line) {
				r.clock.Advance(v.up)
				if v.synced > 0 {
					r.clock.SetTrust(clock.TrustPlausible)
				}
				r.opts.ClockWait = 30 * time.Second
				began := time.Now()
				r.start()
				if v.want > 0 {
					r.eventually(time.Second, "the phase", func(s uplink.LinkState) bool { return s.Phase == uplink.PhaseClock })
				}
				time.Sleep(time.Until(began.Add(v.synced)))
				r.clock.SetTrust(clock.TrustSynced)
				r.eventually(time.Minute, "the link", online)
				if got := l.dialed()[0].Sub(began); v.synced < time.Hour && (got < v.want || got > v.want+time.Second) {
					t.Errorf("dialed after %s, want %s", got, v.want)
				} else if v.synced >= time.Hour && got != v.want {
					t.Errorf("dialed after %s, want %s", got, v.want)
				}
			})
		})
	}
}
