package uplink_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/uplink"
)

// A cable is pulled, nobody says so: the silence is noticed within a minute, also
// when nothing is sent.
func TestHalfOpenIsNoticedWithinAMinute(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "sending": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, l *line) {
				r.start()
				ids := r.append(3)
				r.eventually(time.Minute, "the drain", func(s uplink.LinkState) bool { return r.drain.Stats().Accepted == 3 })
				time.Sleep(17 * time.Second)
				l.swallow()
				began := time.Now()
				if busy {
					ids = append(ids, r.append(3)...)
				}
				s := r.eventually(3*time.Minute, "another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
				must(t, s.Since.Sub(began) <= time.Minute+2*time.Second, "back online only after %s", s.Since.Sub(began))
				r.drained()
				r.mustHave(ids, r.drain.Stats().Resent)
			})
		})
	}
}

// The peer takes no more bytes: a write hangs, not an answer.
func TestCloggedPeerIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.start()
		ids := r.append(3)
		r.eventually(time.Minute, "the drain", func(uplink.LinkState) bool { return r.drain.Stats().Accepted == 3 })
		l.clog()
		ids = append(ids, r.append(3)...)
		r.eventually(3*time.Minute, "another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
		r.drained()
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}

// A line that is up for five seconds at a time is no stable one: it must not be
// tried every second for ever.
func TestFlappingLineIsTriedLessOften(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.opts.OnState = func(s uplink.LinkState) {
			if s.Phase == uplink.PhaseOnline && s.Tenants[0].Serving {
				time.AfterFunc(5*time.Second, func() { l.cut(); l.restore() })
			}
		}
		began := time.Now()
		r.start()
		time.Sleep(4 * time.Hour)
		late, most := 0, 0
		dials := l.dialed()
		for i, at := range dials {
			if at.Sub(began) > time.Hour {
				late++
			}
			n := 0
			for _, other := range dials[i:] {
				if other.Sub(at) < time.Minute {
					n++
				}
			}
			most = max(most, n)
		}
		// The mean wait at the ceiling is 150 s: 65 attempts in the last three hours.
		must(t, late >= 35 && late <= 110, "%d attempts in the last three hours", late)
		must(t, most <= 12, "%d attempts in one minute", most)
		must(t, r.link.State().Connects >= 50, "state %+v", r.link.State())
	})
}

// After a connection that was good the first attempt is immediate, the next come
// every one to two seconds for half a minute, then ever later.
func TestCurveAfterAGoodConnection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.start()
		r.eventually(time.Minute, "the link", online)
		time.Sleep(61 * time.Second)
		cut := time.Now()
		l.cut()
		time.Sleep(time.Hour)
		dials := l.dialed()[1:]
		must(t, dials[0].Equal(cut), "first attempt %s after the cut", dials[0].Sub(cut))
		var last time.Time
		for i, at := range dials {
			if since := at.Sub(cut); i > 0 && since < 31*time.Second {
				gap := at.Sub(last)
				must(t, gap >= time.Second && gap <= 2*time.Second, "a gap of %s, %s after the cut", gap, since)
			}
			last = at
		}
		late := slices.IndexFunc(dials, func(at time.Time) bool { return at.Sub(cut) > 10*time.Minute })
		must(t, len(dials)-late <= 40, "%d attempts in the last fifty minutes", len(dials)-late)
		must(t, len(dials)-late >= 9, "%d attempts in the last fifty minutes", len(dials)-late)
	})
}

// Records wait while the hub is away for ten seconds; the first of them is accepted
// within a second of its return, in the median of many outages.
func TestResumesWithinASecondOfAShortOutage(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.start()
		var took []time.Duration
		var all uint64
		for range 200 {
			r.eventually(time.Minute, "the link", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
			time.Sleep(61 * time.Second)
			l.cut()
			time.Sleep(5 * time.Second)
			r.append(1)
			all++
			time.Sleep(5 * time.Second)
			l.restore()
			back := time.Now()
			r.eventually(time.Minute, "an accepted record", func(uplink.LinkState) bool { return r.drain.Stats().Accepted == all })
			took = append(took, time.Since(back))
		}
		slices.Sort(took)
		t.Logf("median %s, longest %s", took[len(took)/2], took[len(took)-1])
		must(t, took[len(took)/2] <= time.Second, "median %s", took[len(took)/2])
		must(t, took[len(took)-1] <= 3*time.Second, "longest %s", took[len(took)-1])
	})
}

// An urgent record cuts one wait short, and not the next within a minute.
// What was urgent before the link came online was sent then: the first wait after
// it is no shorter for it, or a hub that restarts would meet each device twice at
// once.
func TestUrgencyEndsOnline(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		urgent := make(chan struct{}, 1)
		r.opts.Urgent = urgent
		urgent <- struct{}{}
		r.start()
		r.eventually(time.Minute, "online", online)
		time.Sleep(2 * time.Minute)
		n := len(l.dialed())
		l.cut()
		time.Sleep(900 * time.Millisecond)
		must(t, len(l.dialed()) == n+1, "%d attempts at once", len(l.dialed())-n)
	})
}

func TestUrgentRecordCutsAWaitShort(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		urgent := make(chan struct{}, 1)
		r.opts.Urgent = urgent
		l.cut()
		r.start()
		// Wait for a wait that is long enough for all that follows.
		long := func(s uplink.LinkState) bool {
			return s.Phase == uplink.PhaseWaiting && time.Until(s.NextAttempt) > 3*time.Minute
		}
		r.eventually(10*time.Hour, "a long wait", long)
		n := len(l.dialed())
		urgent <- struct{}{}
		time.Sleep(time.Millisecond)
		must(t, len(l.dialed()) == n+1, "%d attempts after an urgent record", len(l.dialed())-n)

		end := time.Now().Add(59 * time.Second)
		for time.Now().Before(end) {
			select {
			case urgent <- struct{}{}:
			default:
			}
			time.Sleep(time.Second / 3)
		}
		planned := 0
		for _, at := range l.dialed()[n+1:] {
			if slices.ContainsFunc(r.told(), func(s uplink.LinkState) bool { return s.NextAttempt.Equal(at) }) {
				planned++
			}
		}
		must(t, len(l.dialed())-n-1 == planned, "%d attempts in the next minute, %d as planned", len(l.dialed())-n-1, planned)
	})
}

// told returns the states that were told so far.
func (r *rig) told() []uplink.LinkState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.states)
}

// A refused identity is not hurried: asking again changes nothing.
func TestUrgentRecordDoesNotHurryARefusedIdentity(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		urgent := make(chan struct{}, 1)
		r.opts.Urgent = urgent
		if err := r.hub.DisableDevice(deviceID); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.eventually(10*time.Hour, "a long wait", func(s uplink.LinkState) bool {
			return s.Phase == uplink.PhaseWaiting && time.Until(s.NextAttempt) > time.Minute
		})
		n := len(l.dialed())
		urgent <- struct{}{}
		time.Sleep(30 * time.Second)
		must(t, len(l.dialed()) == n, "%d attempts", len(l.dialed())-n)
	})
}

// A dial that does not heed its context is left behind; when it comes back after
// all, its connection is closed.
func TestDialThatNeverReturnsIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		l.hang = 2
		ids := r.append(3)
		r.start()
		s := r.eventually(3*time.Minute, "the link", online)
		must(t, s.Failures == 2 && s.Abandoned == 2, "state %+v", s)
		r.drained()
		r.mustHave(ids, 0)
		close(l.let)
		r.eventually(time.Minute, "the end of the strays", func(uplink.LinkState) bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.closed == 2
		})
	})
}

// However many dials hang, a bounded number of them is waited for, and the link
// still does not give up.
func TestDialsThatNeverReturnAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		l.hang = 1000
		r.start()
		time.Sleep(6 * time.Hour)
		s := r.link.State()
		must(t, len(l.dialed()) == 16 && s.Abandoned == 16, "%d dials, state %+v", len(l.dialed()), s)
		must(t, strings.Contains(s.Hint, "restart the agent") && s.Failures > 50, "state %+v", s)
		l.mu.Lock()
		l.hang = 0
		l.mu.Unlock()
		close(l.let)
		r.eventually(11*time.Minute, "the link", online)
	})
}

// attachesDevicebound reports whether a frame is the hub's answer to the attach of
// a receiver of commands.
func attachesDevicebound(f []byte) bool {
	return performative(f) == performAttach && bytes.Contains(f, []byte("/messages/devicebound"))
}

// stubborn is a tenant that does one thing badly.
type stubborn struct {
	serve  func(ctx context.Context, s *amqp.Session) error
	rounds atomic.Int64
}

func (*stubborn) Name() string { return "stubborn" }

func (s *stubborn) Serve(ctx context.Context, session *amqp.Session) error {
	s.rounds.Add(1)
	return s.serve(ctx, session)
}

// Whatever a tenant does, the drain goes on over the same connection.
func TestTenantNeverDisturbsTheDrain(t *testing.T) {
	for name, v := range map[string]struct {
		serve  func(ctx context.Context, s *amqp.Session) error
		filter func() func(frame []byte) bool
		rounds int64 // within an hour, at least
	}{
		"fails in a loop": {serve: func(context.Context, *amqp.Session) error { return errors.New("always") }, rounds: 10},
		"fails on its link": {rounds: 10, serve: func(ctx context.Context, s *amqp.Session) error {
			_, err := s.NewSender(ctx, "/no/such/address", nil)
			return cmp.Or(err, errors.New("attached"))
		}},
		"hangs in its attach": {rounds: 10,
			serve: func(ctx context.Context, s *amqp.Session) error {
				ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
				defer cancel()
				_, err := s.NewReceiver(ctx, "/devices/"+deviceID+"/messages/devicebound", nil)
				return cmp.Or(err, errors.New("attached"))
			},
			filter: func() func([]byte) bool {
				return func(f []byte) bool { return !attachesDevicebound(f) }
			},
		},
		"hangs in its close": {rounds: 5,
			serve: func(ctx context.Context, s *amqp.Session) error {
				_, err := s.NewReceiver(ctx, "/devices/"+deviceID+"/messages/devicebound", nil)
				return cmp.Or(err, errors.New("done"))
			},
			filter: func() func([]byte) bool {
				bad := map[uint16]bool{}
				return func(f []byte) bool {
					if attachesDevicebound(f) {
						bad[channel(f)] = true
					}
					return performative(f) != performEnd || !bad[channel(f)]
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, l *line) {
				if v.filter != nil {
					l.filter = v.filter()
				}
				bad := &stubborn{serve: v.serve}
				r.with = []uplink.Tenant{bad}
				r.start()
				ids := r.append(1)
				for range 60 {
					time.Sleep(time.Minute)
					ids = append(ids, r.append(1)...)
				}
				r.drained()
				r.mustHave(ids, 0)
				s := r.link.State()
				must(t, s.Connects == 1 && s.Tenants[0].Restarts == 0 && r.drain.Stats().Resent == 0, "state %+v", s)
				must(t, bad.rounds.Load() >= v.rounds, "%d rounds", bad.rounds.Load())
				must(t, bad.rounds.Load() <= 200, "%d rounds", bad.rounds.Load())
			})
		})
	}
}

// The hub does not answer the end of the drain's session: what go-amqp holds of the
// connection cannot be trusted, and nobody who gets on would lose by another one.
func TestUnansweredEndOfTheDrainCostsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		l.filter = func(f []byte) bool { return performative(f) != performEnd }
		r.with = []uplink.Tenant{receiving()}
		r.answers(nth(1, hub.NoAnswer))
		r.start()
		ids := r.append(1)
		r.eventually(3*time.Minute, "another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
		r.mustHaveTold("does not answer the end of the session", uplink.CauseHub)
		r.drained()
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}

// A tenant that does not end keeps its own next round waiting and nobody else.
func TestTenantThatDoesNotEndIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		release := make(chan struct{})
		deaf := &stubborn{serve: func(context.Context, *amqp.Session) error { <-release; return errors.New("released") }}
		r.with = []uplink.Tenant{deaf}
		r.start()
		r.eventually(time.Minute, "the link", func(s uplink.LinkState) bool { return s.Tenants[0].Serving && s.Tenants[1].Serving })
		time.Sleep(2 * time.Minute)
		l.cut()
		l.restore()
		ids := r.append(5)
		r.eventually(30*time.Second, "the drain over another connection", func(s uplink.LinkState) bool {
			return s.Connects == 2 && r.drain.Stats().Accepted == 5
		})
		s := r.link.State()
		must(t, !s.Tenants[1].Serving && strings.Contains(s.Tenants[1].LastError, "has not ended"), "state %+v", s)
		must(t, deaf.rounds.Load() == 1, "%d rounds at a time", deaf.rounds.Load())
		close(release)
		r.eventually(10*time.Minute, "the next round", func(uplink.LinkState) bool { return deaf.rounds.Load() == 2 })
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}
