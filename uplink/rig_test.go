package uplink_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// hang bounds what a test waits for; no test passes or fails by how fast it is.
const hang = 60 * time.Second

const deviceID = "gw-1"

// bell wakes waiters when something may have changed.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// rig is a hub, a store, a drain and a link. Everything may be changed between
// newRig and start.
type rig struct {
	t    testing.TB
	bell bell

	hub   *hub.Hub
	store *store.Store
	clock *clock.Fake
	opts  uplink.LinkOptions
	dopts uplink.DrainOptions
	with  []uplink.Tenant // beside the drain

	drain *uplink.Drain
	link  *uplink.Link
	stop  func() // ends the link and waits for it

	mu      sync.Mutex
	outcome func(hub.Event) hub.Settlement
	seen    []hub.Event // as received, whatever became of them
	states  []uplink.LinkState
}

func newRig(t testing.TB, hopts hub.Options) *rig {
	t.Helper()
	r := &rig{t: t}
	hopts.Outcome = func(e hub.Event) hub.Settlement {
		r.mu.Lock()
		r.seen = append(r.seen, e)
		f := r.outcome
		r.mu.Unlock()
		r.bell.ring()
		if f == nil {
			return hub.Accept
		}
		return f(e)
	}
	r.build(hopts, store.Options{})
	return r
}

func (r *rig) build(hopts hub.Options, sopts store.Options) {
	r.t.Helper()
	r.clock = clock.NewFake(time.Now()).Follow()
	h, err := hub.New(hopts)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := h.AddDevice(deviceID); err != nil {
		r.t.Fatal(err)
	}
	r.hub = h
	r.runs(h.Run)
	sopts.Dir, sopts.NoSync, sopts.Clock = r.t.TempDir(), true, r.clock
	r.store = store.New(sopts)
	r.runs(r.store.Run)
	id := r.identity()
	r.opts = uplink.LinkOptions{
		Identity:    func() (uplink.Identity, error) { return id, nil },
		Clock:       r.clock,
		BackoffMin:  10 * time.Millisecond,
		BackoffMax:  200 * time.Millisecond,
		StableAfter: time.Hour,
		OpTimeout:   10 * time.Second,
		Log:         logger(),
		OnState: func(s uplink.LinkState) {
			r.mu.Lock()
			r.states = append(r.states, s)
			r.mu.Unlock()
			r.bell.ring()
		},
	}
	r.dopts = uplink.DrainOptions{
		Store:        r.store,
		Timeline:     clock.NewTimeline(r.clock),
		DeviceID:     func() string { return deviceID },
		SettleWithin: 10 * time.Second,
		BatchRecords: 1,
		BackoffMin:   time.Millisecond,
		BackoffMax:   20 * time.Millisecond,
		Log:          logger(),
	}
}

// logger shows the log with FIELDPOST_TEST_LOG=1.
func logger() *slog.Logger {
	if os.Getenv("FIELDPOST_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (r *rig) identity() uplink.Identity {
	r.t.Helper()
	text, err := r.hub.DeviceConnectionString(deviceID)
	if err != nil {
		r.t.Fatal(err)
	}
	cs, err := auth.ParseConnectionString(text)
	if err != nil {
		r.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(r.hub.CAPEM()) {
		r.t.Fatal("no certificate in CAPEM")
	}
	id, err := uplink.NewIdentity(cs, roots)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// runs starts a loop that ends with the test.
func (r *rig) runs(loop func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- loop(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("loop ended with %v", err)
			}
		case <-time.After(hang):
			r.t.Error("loop does not end")
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) start() *rig {
	r.drain = uplink.NewDrain(r.dopts)
	r.link = uplink.NewLink(r.opts, append([]uplink.Tenant{r.drain}, r.with...)...)
	r.stop = r.runs(r.link.Run)
	return r
}

func (r *rig) answers(f func(hub.Event) hub.Settlement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome = f
}

// append queues n telemetry records with numbered bodies.
func (r *rig) append(n int) []store.ID {
	r.t.Helper()
	var all []store.ID
	for i := range n {
		t, err := r.store.Append(r.t.Context(), store.Record{
			ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: r.clock.Now(),
			Subject: "boiler", ContentType: "application/json",
			Props: map[string]string{"sensor": "boiler"}, Body: []byte(`{"n":` + strconv.Itoa(i) + `}`),
		})
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, t.IDs()...)
	}
	return all
}

// drained waits until the store has nothing left.
func (r *rig) drained() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	if err := r.drain.Drained(ctx); err != nil {
		r.t.Fatalf("store is not drained: %+v, link %+v, drain %+v", r.store.Stats().PerClass, r.link.State(), r.drain.Stats())
	}
}

// until waits until cond holds; cond is asked again whenever the state of the
// link changed or the hub received something.
func (r *rig) until(what string, cond func(uplink.LinkState) bool) uplink.LinkState {
	r.t.Helper()
	limit := time.After(hang)
	look := time.NewTicker(20 * time.Millisecond) // the drain's counters ring no bell
	defer look.Stop()
	for {
		rung := r.bell.next()
		if s := r.link.State(); cond(s) {
			return s
		}
		select {
		case <-rung:
		case <-look.C:
		case <-limit:
			r.t.Fatalf("waited for %s: link %+v, drain %+v", what, r.link.State(), r.drain.Stats())
		}
	}
}

func online(s uplink.LinkState) bool { return s.Phase == uplink.PhaseOnline }

// received counts how often the hub saw each message.
func (r *rig) received() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := map[string]int{}
	for _, e := range r.seen {
		m[e.MessageID]++
	}
	return m
}

// logged counts how often each message is in the telemetry log.
func (r *rig) logged() map[string]int {
	m := map[string]int{}
	for _, e := range r.hub.Events() {
		m[e.MessageID]++
	}
	return m
}

// mustHave checks that each of ids was logged, and at most extra of them twice.
func (r *rig) mustHave(ids []store.ID, extra uint64) {
	r.t.Helper()
	logged, twice := r.logged(), uint64(0)
	for _, id := range ids {
		n := logged[id.String()]
		if n == 0 {
			r.t.Errorf("%s is lost", id)
		} else {
			twice += uint64(n - 1)
		}
		delete(logged, id.String())
	}
	if len(logged) > 0 {
		r.t.Errorf("the hub has messages nobody appended: %v", logged)
	}
	if twice > extra {
		r.t.Errorf("%d duplicates, but only %d were sent again", twice, extra)
	}
}

// nth answers one way for the first n deliveries of each message, then accepts.
func nth(n int, s hub.Settlement) func(hub.Event) hub.Settlement {
	var mu sync.Mutex
	tries := map[string]int{}
	return func(e hub.Event) hub.Settlement {
		mu.Lock()
		defer mu.Unlock()
		if tries[e.MessageID]++; tries[e.MessageID] <= n {
			return s
		}
		return hub.Accept
	}
}

func telemetryStats(s *store.Store) store.ClassStats { return s.Stats().PerClass[store.Telemetry] }

func must(t testing.TB, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Errorf(format, args...)
	}
}
