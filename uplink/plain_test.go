package uplink_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// newMemoryRig is a rig without sockets, for virtual time.
func newMemoryRig(t *testing.T, opts hub.Options) *rig {
	opts.Listen = "none"
	r := newRig(t, opts)
	r.opts.Route.DialTCP = func(ctx context.Context, _ string) (net.Conn, error) { return r.hub.Dial(ctx) }
	return r
}

func (r *rig) plain() {
	id := r.identity()
	id.Plain = true
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
}

// A hub drops a connection of SASL PLAIN when its token ends, and this one
// forgives no skew: without the planned reconnect, a failure an hour.
func TestPlainReconnectsBeforeTheTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{ClockSkew: -1})
		r.opts.BackoffMin, r.opts.BackoffMax, r.opts.StableAfter = time.Second, 5*time.Minute, time.Minute
		r.plain()
		r.start()
		ids := r.append(1)
		for range 5 * 60 {
			time.Sleep(time.Minute)
			ids = append(ids, r.append(1)...)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		r.mustHave(ids, 0)
		s := r.link.State()
		// Every 48 minutes, and at once.
		must(t, s.Connects == 7 && s.Failures == 0 && s.LastError == "", "state %+v", s)
		r.mu.Lock()
		for _, s := range r.states {
			must(t, s.Phase != uplink.PhaseWaiting || !s.NextAttempt.After(s.Since), "waits: %+v", s)
		}
		r.mu.Unlock()
	})
}

// The clock is set while the connection lives: its token is dated wrong.
func TestPlainReconnectsWhenTheClockSteps(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.plain()
	r.clock.SetWall(time.Now().Add(-2 * time.Minute))
	r.start()
	r.until("online", online)
	r.clock.SetWall(time.Now())
	s := r.until("another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
	must(t, s.Failures == 0, "state %+v", s)
}

func TestPlainRefusedIsTheIdentity(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	id.Plain, id.Key = true, auth.NewKey([]byte("this is another key of a device."))
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.opts.BackoffMax = time.Hour
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.LastError, "token refused: 401") && strings.Contains(s.Hint, "key"), "state %+v", s)
}

// A token that was made elsewhere ends; when another is put in place it is used
// at once, over $cbs without another connection.
func TestGivenTokenIsReplaced(t *testing.T) {
	for _, plain := range []bool{false, true} {
		r := newRig(t, hub.Options{})
		id := r.identity()
		key := id.Key
		id.Key, id.Plain = auth.Key{}, plain
		var version atomic.Int64
		r.opts.Identity = func() (uplink.Identity, error) {
			id := id
			id.Token = key.Sign(auth.Audience(id.Host, deviceID, ""), "", time.Now().Truncate(time.Hour).Add(time.Duration(2+version.Load())*time.Hour))
			return id, nil
		}
		r.start()
		ids := r.append(2)
		r.drained()
		version.Store(1)
		s := r.until("the new token in use", func(s uplink.LinkState) bool { return s.Renewals == 1 || s.Connects == 2 })
		must(t, (s.Connects == 2) == plain && s.Failures == 0, "plain %v: state %+v", plain, s)
		ids = append(ids, r.append(2)...)
		r.drained()
		r.mustHave(ids, 0)
		r.stop()
	}
}

func TestEndedTokenIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	ended := time.Now().Add(-time.Hour)
	id.Token = id.Key.Sign(auth.Audience(id.Host, deviceID, ""), "", ended)
	id.Key = auth.Key{}
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.LastError, "the given token ended on "+ended.UTC().Format(time.RFC3339)), "state %+v", s)
	must(t, strings.Contains(s.Hint, "new token"), "hint %q", s.Hint)
}

// A given token that is refused cannot be made anew: the hint is not about a key.
func TestRefusedGivenTokenIsNamed(t *testing.T) {
	for _, plain := range []bool{false, true} {
		r := newRig(t, hub.Options{})
		id := r.identity()
		id.Plain, id.Key = plain, auth.Key{}
		id.Token = auth.NewKey([]byte("this is another key of a device.")).Sign(auth.Audience(id.Host, deviceID, ""), "", time.Now().Add(time.Hour))
		r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
		r.start()
		s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
		must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "the given token"), "plain %v: state %+v", plain, s)
		r.stop()
	}
}

// A key that is changed on disk is used over the connection there is.
func TestChangedKeyIsPutAtOnce(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	var changed atomic.Bool
	d, err := r.hub.Device(deviceID)
	if err != nil {
		t.Fatal(err)
	}
	secondary, err := auth.ParseKey(d.SecondaryKey.Base64())
	if err != nil {
		t.Fatal(err)
	}
	r.opts.Identity = func() (uplink.Identity, error) {
		id := id
		if changed.Load() {
			id.Key = secondary
		}
		return id, nil
	}
	r.start()
	r.until("online", online)
	changed.Store(true)
	s := r.until("a new token", func(s uplink.LinkState) bool { return s.Renewals == 1 })
	must(t, s.Connects == 1 && s.Failures == 0, "state %+v", s)
}
