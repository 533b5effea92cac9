package uplink_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink"
)

// receiving is a tenant that waits for commands.
func receiving() *stubborn {
	return &stubborn{serve: func(ctx context.Context, s *amqp.Session) error {
		in, err := s.NewReceiver(ctx, "/devices/"+deviceID+"/messages/devicebound", nil)
		if err != nil {
			return err
		}
		_, err = in.Receive(ctx, nil)
		return errors.Join(err, errors.New("received"))
	}}
}

// logbook counts lines of the log by level.
type logbook struct {
	slog.Handler
	mu    sync.Mutex
	lines map[slog.Level][]string
}

func (*logbook) Enabled(context.Context, slog.Level) bool { return true }

func (b *logbook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	b.lines[r.Level] = append(b.lines[r.Level], text)
	return nil
}

func (b *logbook) at(level slog.Level) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.lines[level]...)
}

// Two gateways with one identity take the connection from each other: neither
// hammers, both say so, and records still go out.
func TestTwoClientsWithOneIdentity(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		book := &logbook{lines: map[slog.Level][]string{}}
		r.opts.Log = slog.New(book)
		r.with = []uplink.Tenant{receiving()}
		other := r.opts
		other.OnState, other.Log = nil, nil
		theirs := uplink.NewLink(other, receiving())
		r.start()
		r.eventually(time.Minute, "the link", online)
		time.Sleep(2 * time.Minute)
		r.runs(theirs.Run)
		began := time.Now()
		time.Sleep(6 * time.Hour)
		n := 0
		for _, at := range l.dialed() {
			if at.Sub(began) > time.Hour {
				n++
			}
		}
		must(t, n <= 5*60, "%d attempts of both in five hours", n)
		s := r.link.State()
		must(t, s.Twice >= 3 && time.Since(s.TwiceAt) < time.Hour, "state %+v", s)
		loud := 0
		for _, line := range book.at(slog.LevelError) {
			if strings.Contains(line, "another client is connected with this device id") {
				loud++
			}
		}
		must(t, loud >= 1 && loud <= 40, "said %d times in the log", loud)
		ids := r.append(5)
		r.eventually(time.Hour, "the records", func(uplink.LinkState) bool { return r.drain.Stats().Accepted == 5 })
		r.mustHave(ids, r.drain.Stats().Resent)
	})
}

// A hub that lets us in and hangs up without a word may mean another client.
func TestShortLivesAreHintedAt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		r.opts.OnState = func(s uplink.LinkState) {
			r.mu.Lock()
			r.states = append(r.states, s)
			r.mu.Unlock()
			if s.Phase == uplink.PhaseOnline && s.Tenants[0].Serving {
				time.AfterFunc(5*time.Second, func() { l.cut(); l.restore() })
			}
		}
		r.start()
		r.eventually(time.Hour, "the hint", func(s uplink.LinkState) bool { return strings.Contains(s.Hint, "another client") })
		s := r.link.State()
		must(t, s.Failures == 4 && s.Twice == 0 && s.Cause == uplink.CauseNetwork, "state %+v", s)
	})
}
