package uplink_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/uplink"
)

// lazy is a tenant that tells of its progress and makes none.
type lazy struct {
	moved   atomic.Uint64
	waiting atomic.Bool
}

func (*lazy) Name() string { return "lazy" }

func (*lazy) Serve(ctx context.Context, _ *amqp.Session) error { <-ctx.Done(); return nil }

func (z *lazy) Progress() uplink.Progress {
	return uplink.Progress{Moved: z.moved.Load(), Waiting: z.waiting.Load()}
}

func TestWatchdogRebuildsWhatDoesNotMove(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		z := &lazy{}
		r.with = []uplink.Tenant{z}
		r.start()
		time.Sleep(time.Hour)
		must(t, r.link.State().Connects == 1, "nothing to do, and yet: %+v", r.link.State())

		z.waiting.Store(true)
		for range 60 {
			time.Sleep(time.Minute)
			z.moved.Add(1)
		}
		must(t, r.link.State().Connects == 1, "slow, and yet: %+v", r.link.State())

		time.Sleep(4 * time.Minute)
		must(t, r.link.State().Rebuilds == 0, "too early: %+v", r.link.State())
		s := r.eventually(2*time.Minute, "a rebuild", func(s uplink.LinkState) bool { return s.Rebuilds == 1 })
		must(t, s.Renewals == 2, "state %+v", s)
		r.mustHaveTold("lazy has work and nothing was settled within 5m0s", uplink.CauseHub)
		r.eventually(time.Minute, "another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
		must(t, len(l.dialed()) == 2, "%d dials", len(l.dialed()))
	})
}

// mustHaveTold checks that a failure was told, with its cause and a hint.
func (r *rig) mustHaveTold(words, cause string) {
	r.t.Helper()
	for _, s := range r.told() {
		if strings.Contains(s.LastError, words) {
			must(r.t, s.Cause == cause && s.Hint != "", "state %+v", s)
			return
		}
	}
	r.t.Errorf("%q was not told: %+v", words, r.told())
}

// The drain has sent a message and its deadline is too long: the watchdog does
// without.
func TestWatchdogOverADrainThatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.dopts.SettleWithin = 1000 * time.Hour
		r.answers(nth(1, hub.NoAnswer))
		r.start()
		ids := r.append(3)
		r.eventually(6*time.Minute, "a rebuild", func(s uplink.LinkState) bool { return s.Rebuilds == 1 })
		r.mustHaveTold("drain has work", uplink.CauseHub)
		r.drained()
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}

// Being told to be slow is no stall, and neither is a hub that hands back.
func TestWatchdogLeavesAPausedDrainAlone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.dopts.BackoffMin, r.dopts.BackoffMax = 2*time.Hour, 3*time.Hour
		r.answers(func(hub.Event) hub.Settlement { return hub.RejectWith("amqp:resource-limit-exceeded", "daily quota") })
		r.start()
		r.append(3)
		time.Sleep(6 * time.Hour)
		s := r.link.State()
		must(t, s.Connects == 1 && s.Rebuilds == 0, "state %+v, drain %+v", s, r.drain.Stats())
	})
}
