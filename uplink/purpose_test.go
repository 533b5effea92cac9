package uplink_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

// Records that wait on purpose are no stall: a healthy connection is left alone.
// An alarm among them is waited for by nobody else.
func TestWatchdogLeavesWhatWaitsOnPurpose(t *testing.T) {
	for name, set := range map[string]func(*rig){
		"for company":     func(r *rig) { r.dopts.Pack, r.dopts.PackWait = true, 24*time.Hour },
		"for another day": func(r *rig) { r.dopts.DailyBytes, r.dopts.Clock = 1000, r.clock },
		"for its turn":    func(r *rig) { r.dopts.Rate = 1. / 86400 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, _ *line) {
				set(r)
				r.start()
				r.eventually(time.Minute, "online", online)
				for range 5 {
					r.append(20)
					time.Sleep(time.Second)
				}
				time.Sleep(2 * time.Hour)
				s, q := r.link.State(), telemetryStats(r.store)
				must(t, s.Connects == 1 && s.Rebuilds == 0 && s.Failures == 0, "state %+v, drain %+v", s, r.drain.Stats())
				must(t, q.Queued > 0 && q.Delivered > 0, "nothing waits, or nothing went: %+v", q)
				must(t, !r.drain.Progress().Waiting, "the watchdog is told of a stall: %+v", r.drain.Stats())
			})
		})
	}
}

// What is urgent waits for no day and no company, so that a hub which does not
// take it is noticed.
func TestWatchdogOverAnAlarmAmongWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.dopts.DailyBytes, r.dopts.Clock = 1000, r.clock
		r.dopts.SettleWithin = 1000 * time.Hour
		r.start()
		r.append(20)
		r.eventually(time.Minute, "the end of the budget", func(uplink.LinkState) bool { return r.drain.Stats().HeldBy != "" })
		r.answers(nth(1, hub.NoAnswer))
		if _, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		r.eventually(6*time.Minute, "a rebuild", func(s uplink.LinkState) bool { return s.Rebuilds == 1 })
	})
}

// modem is a line of 9600 bit/s behind a buffer that takes all there is to send.
type modem struct {
	net.Conn
	out     chan []byte
	closed  chan struct{}
	close   sync.Once
	sending sync.WaitGroup
}

func newModem(nc net.Conn) *modem {
	m := &modem{Conn: nc, out: make(chan []byte, 10000), closed: make(chan struct{})}
	m.sending.Go(func() {
		for {
			select {
			case b := <-m.out:
				select {
				case <-time.After(time.Duration(len(b)) * time.Second / 1000):
				case <-m.closed:
				}
				if _, err := nc.Write(b); err != nil {
					return
				}
			case <-m.closed:
				return
			}
		}
	})
	return m
}

func (m *modem) Write(b []byte) (int, error) {
	select {
	case m.out <- append([]byte(nil), b...):
		return len(b), nil
	case <-m.closed:
		return 0, net.ErrClosed
	}
}

func (m *modem) Close() error {
	m.close.Do(func() { close(m.closed) })
	err := m.Conn.Close()
	m.sending.Wait()
	return err
}

// The largest record takes three and a half minutes on the slowest line: it is
// given them, and is not begun again for ever.
func TestLargestRecordOverTheSlowestLine(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.opts.Dial = func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
			nc, err := l.dial(ctx, id)
			if err != nil {
				return nil, err
			}
			return newModem(nc), nil
		}
		big, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Body: make([]byte, 190<<10)})
		if err != nil {
			t.Fatal(err)
		}
		ids := append(r.append(3), big.IDs()...)
		r.start()
		r.eventually(time.Hour, "the end of the queue", func(uplink.LinkState) bool { return telemetryStats(r.store).Queued == 0 })
		r.mustHave(ids, 0)
		must(t, r.drain.Stats().Resent == 0, "drain %+v", r.drain.Stats())
	})
}

// A hub that never answers on a connection costs it, though the drain attaches
// anew and sends again all the while: the next one may reach another hub.
func TestWatchdogOverAHubThatNeverAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, _ *line) {
		r.hub.Inject(hub.MustParseFault("no-answer connection=1 unlogged"))
		r.start()
		ids := r.append(3)
		r.eventually(30*time.Minute, "a rebuild", func(s uplink.LinkState) bool { return s.Rebuilds == 1 })
		r.mustHaveTold("nothing was settled", uplink.CauseHub)
		r.drained()
		r.mustHave(ids, 0)
	})
}
