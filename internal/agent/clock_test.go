//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// site is a gateway without a clock chip and its hub, in virtual time. The truth is
// the time of the bubble and the suspends on top of it.
type site struct {
	*testing.T
	hub     *hub.Hub
	cfg     *config.Config
	machine *clock.Fake
	up      atomic.Bool  // there is a network
	slept   atomic.Int64 // nanoseconds
	agent   *running
	took    map[string]time.Time // true time of each record of the sensor, by message-id
}

const siteEvery = 10 * time.Second

// newSite is switched on at 12:00 of a day in 2026, without a network, with a clock
// that begins in 1970.
func newSite(t *testing.T) *site {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)))
	h, err := hub.New(hub.Options{Listen: "none"})
	if err != nil {
		t.Fatal(err)
	}
	serving := start(context.Background(), h.Run)
	t.Cleanup(func() { _ = serving.stop() })
	s := &site{T: t, hub: h, machine: clock.NewFake(time.Unix(0, 0)).Follow(), took: map[string]time.Time{}}
	s.machine.SetTrust(clock.TrustNone)
	_, err = h.AddDevice("gw")
	secret, err2 := h.DeviceConnectionString("gw")
	file := filepath.Join(t.TempDir(), "key")
	if err := errors.Join(err, err2, os.WriteFile(file, []byte(secret), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.cfg = load(t, fmt.Sprintf("[hub]\nconnection_string_file = %q\n[[sensor]]\nname = \"s\"\nsource = \"simulated\"\nevery = %q\n", file, siteEvery))
	if err := os.Mkdir(s.cfg.Agent.Socket, 0o700); err != nil { // a real one would hold up virtual time
		t.Fatal(err)
	}
	return s
}

// now is the true time.
func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.slept.Load())) }

// begin starts the agent.
func (s *site) begin() {
	s.Helper()
	board := boardsim.New(boardsim.Options{})
	s.agent = run(s.T, s.cfg, Parts{
		Root: "/nowhere", Buses: board, Lines: board, Clock: s.machine,
		Built:      time.Date(2026, 6, 1, 11, 30, 0, 0, time.UTC), // so that a token by the floor is good
		BackoffMax: 10 * time.Second,
		Dial: func(ctx context.Context, _ uplink.Identity) (net.Conn, error) {
			if !s.up.Load() {
				return nil, errors.New("no network")
			}
			conn, err := s.hub.Dial(ctx)
			if err != nil {
				return nil, err
			}
			return secured(ctx, conn, s.hub)
		},
		Watch: Watch{Reading: func(_ sensors.Reading, ticket store.Ticket) {
			for _, id := range ticket.IDs() {
				s.took[id.String()] = s.now()
			}
		}},
	})
}

// end stops the agent.
func (s *site) end() {
	s.Helper()
	if err := s.agent.stop(); err != nil {
		s.Fatal(err)
	}
}

// reboot switches the machine on again after it was off for some time; its clock is in 1970.
func (s *site) reboot(off time.Duration) {
	time.Sleep(off)
	s.machine.Reboot()
	s.machine.SetWall(time.Unix(0, 0))
	s.machine.SetTrust(clock.TrustNone)
}

// synced has NTP set the clock off the truth by so much.
func (s *site) synced(off time.Duration) {
	s.machine.SetWall(s.now().Add(off))
	s.machine.SetTrust(clock.TrustSynced)
}

// set has somebody set the clock by hand: the kernel takes it for unsynchronised.
func (s *site) set(off time.Duration) {
	s.machine.SetWall(s.now().Add(off))
	s.machine.SetTrust(clock.TrustPlausible)
}

// delivered is a record as the hub has it, beside the truth.
type delivered struct {
	id    store.ID
	truth time.Time
	at    time.Time     // iothub-creation-time-utc; zero when absent
	off   time.Duration // time-uncertainty; zero when absent
}

// wrong is how far the creation time is from the truth.
func (d delivered) wrong() time.Duration { return d.at.Sub(d.truth) }

// deliver lets the queue run dry and returns the records of the sensor as they came,
// after making sure that all of them are there, once, in order.
func (s *site) deliver() (all []delivered) {
	s.Helper()
	s.up.Store(true)
	s.agent.StopSampling()
	for limit := time.Now().Add(10 * time.Minute); queued(s.agent.Stats()) > 0; time.Sleep(time.Second) {
		if time.Now().After(limit) {
			s.Fatalf("the queue does not run dry: %+v", s.agent.Status().Chain)
		}
	}
	synctest.Wait()
	for _, e := range s.hub.Events() {
		truth, ours := s.took[e.MessageID]
		if !ours {
			continue
		}
		d := delivered{truth: truth}
		id, err := store.ParseID(e.MessageID)
		d.id = id
		if text, ok := e.Properties["iothub-creation-time-utc"].(string); ok && err == nil {
			d.at, err = time.Parse(time.RFC3339, text)
		}
		if text, ok := e.Properties["time-uncertainty"].(string); ok && err == nil {
			d.off, err = time.ParseDuration(text + "s")
			if d.off < time.Second {
				s.Errorf("%s: time-uncertainty %q", id, text)
			}
		}
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, d)
	}
	if len(all) != len(s.took) || len(all) == 0 {
		s.Fatalf("%d records at the hub, %d were taken", len(all), len(s.took))
	}
	for i, d := range all[1:] {
		if before := all[i]; before.id.Epoch > d.id.Epoch || before.id.Epoch == d.id.Epoch && before.id.Seq >= d.id.Seq {
			s.Errorf("%s came after %s", d.id, before.id)
		}
	}
	return all
}

// exact holds records to the truth.
func (s *site) exact(all []delivered) {
	s.Helper()
	for i, d := range all {
		if d.wrong().Abs() > 2*time.Millisecond || d.off != 0 {
			s.Fatalf("%s, %d of %d, is dated %v, wrong by %v, said to be uncertain by %v", d.id, i, len(all), d.at, d.wrong(), d.off)
		}
	}
}

// apart splits records where the epoch changes.
func apart(all []delivered) (runs [][]delivered) {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(d delivered) bool { return d.id.Epoch != all[0].id.Epoch })
		if n < 0 {
			n = len(all)
		}
		runs, all = append(runs, all[:n]), all[n:]
	}
	return runs
}

func story(t *testing.T, tell func(*site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { tell(newSite(t)) })
}

// The clock begins in 1970, the network comes after ten minutes and brings NTP:
// everything is dated as if the clock had been right from the start.
func TestClockIsSetAfterTenMinutes(t *testing.T) {
	story(t, func(s *site) {
		s.begin()
		time.Sleep(10*time.Minute + 3*time.Second)
		s.synced(0)
		s.up.Store(true)
		time.Sleep(10 * time.Minute)
		all := s.deliver()
		s.exact(all)
		if len(all) < 120 {
			s.Errorf("%d records", len(all))
		}
		s.end()
	})
}

// Where NTP does not come and the hub does, what is sent carries no time rather than
// one of 1970; once the clock is set the rest does.
func TestHubComesAheadOfTheClock(t *testing.T) {
	story(t, func(s *site) {
		s.up.Store(true)
		s.begin()
		time.Sleep(10*time.Minute + 3*time.Second)
		s.synced(0)
		begun := s.now()
		time.Sleep(10 * time.Minute)
		for _, d := range s.deliver() {
			if d.truth.After(begun) {
				s.exact([]delivered{d})
			} else if !d.at.IsZero() || d.off != 0 {
				s.Errorf("%s is dated %v ± %v by a clock of 1970", d.id, d.at, d.off)
			}
		}
		s.end()
	})
}

// A clock that looks right and is not, until NTP steps it, dates nothing: what was
// sampled by it has the right time, and no uncertainty.
func TestClockStepsWhenItIsSynced(t *testing.T) {
	for name, off := range map[string]time.Duration{"two hours ahead": -2 * time.Hour, "an hour back": time.Hour} {
		t.Run(name, func(t *testing.T) {
			story(t, func(s *site) {
				s.set(off)
				s.begin()
				time.Sleep(5*time.Minute + 3*time.Second)
				s.synced(0)
				time.Sleep(5 * time.Minute)
				s.exact(s.deliver())
				s.end()
			})
		})
	}
}

// A clock that was right and is set wrong by hand is wrong until NTP has it back: by the
// time since boot all is known, whether it is sent meanwhile or later.
func TestClockIsSetWrong(t *testing.T) {
	for name, off := range map[string]time.Duration{"two hours ahead": 2 * time.Hour, "an hour back": -time.Hour} {
		for _, online := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, online %v", name, online), func(t *testing.T) {
				story(t, func(s *site) {
					s.up.Store(online)
					s.synced(0)
					s.begin()
					time.Sleep(5*time.Minute + 3*time.Second)
					s.set(off)
					time.Sleep(5 * time.Minute)
					s.synced(0)
					time.Sleep(5 * time.Minute)
					s.exact(s.deliver())
					s.end()
				})
			})
		}
	}
}

// Where NTP itself was wrong, each record has the time that was vouched for when it
// was taken, and no other when it is resent.
func TestClockThatIsVouchedForSteps(t *testing.T) {
	for name, off := range map[string]time.Duration{"two hours ahead": -2 * time.Hour, "an hour back": time.Hour} {
		t.Run(name, func(t *testing.T) {
			story(t, func(s *site) {
				s.synced(off)
				s.begin()
				time.Sleep(5*time.Minute + 3*time.Second)
				s.synced(0)
				right := s.now()
				time.Sleep(5 * time.Minute)
				for _, d := range s.deliver() {
					if d.truth.Before(right) {
						d.truth = d.truth.Add(off)
					}
					s.exact([]delivered{d})
				}
				s.end()
			})
		})
	}
}

// Nothing ever vouches for the clock: the times say that they may be off by a day.
func TestClockIsNeverVouchedFor(t *testing.T) {
	story(t, func(s *site) {
		s.set(time.Minute)
		s.begin()
		time.Sleep(5 * time.Minute)
		for _, d := range s.deliver() {
			if d.wrong() != time.Minute || d.off != 24*time.Hour {
				s.Fatalf("%s: wrong by %v, said to be uncertain by %v", d.id, d.wrong(), d.off)
			}
		}
		s.end()
	})
}

// Three boots in 1970 without a network, the last of which is synced in the end: its
// records are exact, and those of the others lie between what was known before them
// and what is known behind, and say how far that is apart.
func TestThreeBootsOffline(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("a boot before them was synced %v", known), func(t *testing.T) {
			story(t, func(s *site) {
				last := clock.Floor // what is known before them
				if known {
					s.synced(0)
					s.begin()
					time.Sleep(5 * time.Minute)
					s.end()
					last = s.now()
					s.reboot(10 * time.Minute)
				}
				for range 2 {
					s.begin()
					time.Sleep(5 * time.Minute)
					s.end()
					s.reboot(10 * time.Minute)
				}
				s.begin()
				time.Sleep(5*time.Minute + 3*time.Second)
				s.synced(0)
				time.Sleep(5 * time.Minute)
				runs := apart(s.deliver())
				if known {
					s.exact(runs[0])
					runs = runs[1:]
				}
				if len(runs) != 3 {
					s.Fatalf("records of %d boots", len(runs))
				}
				s.exact(runs[2])
				for i, run := range runs[:2] {
					for j, d := range run {
						early := last.Add(time.Duration(i) * 5 * time.Minute) // at which it can have been
						late := runs[2][0].truth.Add(time.Duration(i-2) * 5 * time.Minute)
						early, late = early.Add(d.truth.Sub(run[0].truth)), late.Add(d.truth.Sub(run[0].truth))
						if d.wrong().Abs() > d.off || d.at.Sub(late).Abs() > 10*time.Millisecond || (d.off-late.Sub(early)).Abs() > 10*time.Millisecond {
							s.Fatalf("boot %d, record %d: %v, wrong by %v, said to be uncertain by %v; it was between %v and %v", i, j, d.at, d.wrong(), d.off, early, late)
						}
						if d.off > time.Hour == known {
							s.Fatalf("boot %d: uncertain by %v", i, d.off)
						}
					}
				}
				var before time.Time
				for _, d := range slices.Concat(runs...) {
					if d.at.Before(before) {
						s.Fatalf("%s is dated %v, the one before %v", d.id, d.at, before)
					}
					before = d.at
				}
				s.end()
			})
		})
	}
}

// After a suspend the time of what follows is right, the grid is where it was, and what
// was not sampled is counted.
func TestSuspendOfTheMachine(t *testing.T) {
	for name, sync := range map[string]func(*site){"synced before": func(s *site) { s.synced(0) }, "synced behind": func(*site) {}} {
		t.Run(name, func(t *testing.T) {
			story(t, func(s *site) {
				sync(s)
				s.begin()
				time.Sleep(5*time.Minute + 3*time.Second)
				const away = 2*time.Hour + 5*time.Second
				s.machine.Advance(away)
				s.slept.Store(int64(away))
				time.Sleep(5 * time.Minute)
				s.synced(0)
				time.Sleep(time.Minute)
				all := s.deliver()
				s.exact(all)
				states := s.agent.sensorStates()
				ticks := uint64(all[len(all)-1].truth.Sub(all[0].truth)/siteEvery) + 1
				if got := states[0].Samples + states[0].Missed; got != ticks || states[0].Missed < uint64(away/siteEvery)-1 {
					s.Errorf("%d samples and %d missed of %d ticks", states[0].Samples, states[0].Missed, ticks)
				}
				if last := all[len(all)-1].truth.Sub(all[0].truth) % siteEvery; last != 0 {
					s.Errorf("the grid has moved by %v", last)
				}
				s.end()
			})
		})
	}
}
