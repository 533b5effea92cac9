//go:build linux

package agent

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
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

var (
	instances   = flag.Int("instances", 100, "agents of TestReconnectStorm")
	stormReal   = flag.Bool("real", false, "TestReconnectStorm runs by the clock and over TCP, where the share of a second depends on the machine and is not judged")
	stormTable  = flag.String("table", "", "append the histogram of TestReconnectStorm to this file")
	descriptors = 8 // of an agent with the hub's end of its connection, at most
)

const (
	stormStable = 70 * time.Second // the agents are online before the hub goes: a connection that old was good
	stormOutage = 60 * time.Second
)

// What is no wave: the first attempts may be at once. Then no tenth of a second has
// more than evenTenth of all agents, as when all of them try between one second and
// the next; and from lateFrom on no second has more than lateShare.
const (
	evenTenth = 0.15
	lateFrom  = 45
	lateShare = 0.2
)

// A hub that restarts must not be met by all its devices in the same moment.
func TestReconnectStorm(t *testing.T) {
	if !*stormReal {
		synctest.Test(t, reconnectStorm)
		return
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(*instances*descriptors+100) {
		t.Skipf("SKIPPED: %d agents need %d descriptors, %d are allowed (%v)", *instances, *instances*descriptors+100, limit.Cur, err)
	}
	reconnectStorm(t)
}

func reconnectStorm(t *testing.T) {
	if testing.Short() {
		*instances = min(*instances, 40)
	}
	s := newStorm(t, *instances)
	before := costNow()
	for i := range s.agents {
		s.start(i)
	}
	s.until("all agents to be online", func() bool { return s.online() == *instances })
	time.Sleep(stormStable)
	cost := costNow().minus(before)
	s.hub.Cut()
	gone := time.Now()
	s.until("all agents to notice", func() bool { return s.online() == 0 })
	time.Sleep(stormOutage - time.Since(gone))
	if err := s.hub.Restore(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	s.until("all agents to be back", func() bool { return s.online() == *instances })
	all := time.Now()
	for _, a := range s.agents {
		a.StopSampling()
	}
	s.until("all records to be with the hub", func() bool {
		return !slices.ContainsFunc(s.agents, func(a *running) bool { return queued(a.Stats()) > 0 })
	})
	produced := len(s.produced)
	lost, twice := account(s.hub, s.produced)
	h := histogram(s.dialed(), gone, all)
	s.report(fmt.Sprintf("%d agents, hub away for %s\n%s\n%d records produced, %d lost, %d duplicates\n%s\n%s",
		*instances, stormOutage, s.returns(back), produced, lost, twice, cost.each(*instances), h))
	if lost > 0 || produced == 0 {
		t.Errorf("%d of %d records are lost", lost, produced)
	}
	if *stormReal {
		return
	}
	if worst, at := h.worstTenth(1); float64(worst) > most(*instances, evenTenth) {
		t.Errorf("%d of %d agents tried in a tenth of second %d, %.0f may", worst, *instances, at, most(*instances, evenTenth))
	}
	if worst, at := h.worst(lateFrom); float64(worst) > most(*instances, lateShare) {
		t.Errorf("%d of %d agents tried in second %d, %.0f may", worst, *instances, at, most(*instances, lateShare))
	}
}

// most is how many of n independent agents try in one second, if a share of them
// does: by four standard deviations they may differ from it.
func most(n int, share float64) float64 {
	mean := share * float64(n)
	return mean + 4*math.Sqrt(mean)
}

// storm is many agents at one hub.
type storm struct {
	*testing.T
	hub    *hub.Hub
	agents []*running

	mu       sync.Mutex
	dials    []time.Time
	up       map[int]bool
	came     []arrival
	produced []string
}

func newStorm(t *testing.T, n int) *storm {
	s := &storm{T: t, agents: make([]*running, n), up: map[int]bool{}}
	opts := hub.Options{LogBytes: 1 << 30}
	if !*stormReal {
		opts.Listen = "none"
	}
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.hub = h
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return s
}

// start runs one agent with a simulated sensor.
func (s *storm) start(i int, with ...func(*config.Config, *Parts)) {
	s.Helper()
	device := fmt.Sprintf("gw-%d", i)
	_, err := s.hub.AddDevice(device)
	if err != nil {
		s.Fatal(err)
	}
	secret, err := s.hub.DeviceConnectionString(device)
	if err != nil {
		s.Fatal(err)
	}
	file := s.TempDir() + "/connection-string"
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		s.Fatal(err)
	}
	cfg := load(s.T, fmt.Sprintf("[hub]\nconnection_string_file = %q\n[[sensor]]\nname = \"s\"\nsource = \"simulated\"\nevery = \"10s\"\n", file))
	dial := (&net.Dialer{}).DialContext
	parts := Parts{Root: "/nowhere"}
	if !*stormReal {
		// A real socket would hold up virtual time.
		if err := os.Mkdir(cfg.Agent.Socket, 0o700); err != nil {
			s.Fatal(err)
		}
		parts.Clock = clock.NewFake(time.Now()).Follow()
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := s.hub.Dial(ctx)
			if err != nil {
				// As the kernel says it of a port that nobody listens at.
				err = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
			return conn, err
		}
	}
	board := boardsim.New(boardsim.Options{})
	parts.Buses, parts.Lines = board, board
	parts.Dial = func(ctx context.Context, _ uplink.Identity) (net.Conn, error) {
		s.note(func() { s.dials = append(s.dials, time.Now()) })
		conn, err := dial(ctx, "tcp", s.hub.Addr())
		if err != nil {
			return nil, err
		}
		return secured(ctx, conn, s.hub)
	}
	for _, f := range with {
		f(cfg, &parts)
	}
	failure := ""
	parts.Watch.Link = func(l uplink.LinkState) {
		s.note(func() {
			online := l.Phase == uplink.PhaseOnline
			if online && !s.up[i] {
				s.came = append(s.came, arrival{device, time.Now(), failure})
			}
			if l.LastError != "" {
				failure = l.LastError
			}
			s.up[i] = online
		})
	}
	parts.Watch.Reading = func(_ sensors.Reading, ticket store.Ticket) {
		s.note(func() {
			for _, id := range ticket.IDs() {
				s.produced = append(s.produced, id.String())
			}
		})
	}
	s.agents[i] = run(s.T, cfg, parts)
}

func (s *storm) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *storm) online() (n int) {
	s.note(func() {
		for _, up := range s.up {
			if up {
				n++
			}
		}
	})
	return n
}

func (s *storm) dialed() (all []time.Time) {
	s.note(func() { all = slices.Clone(s.dials) })
	return all
}

// arrival is when an agent came online, and what had kept it from that last.
type arrival struct {
	device  string
	at      time.Time
	failure string
}

// returns tells when agents came back, and what kept the last one.
func (s *storm) returns(back time.Time) (text string) {
	s.note(func() {
		var all []arrival
		for _, a := range s.came {
			if a.at.After(back) {
				all = append(all, a)
			}
		}
		after := func(a arrival) float64 { return a.at.Sub(back).Seconds() }
		last := all[len(all)-1]
		text = fmt.Sprintf("back after it: the first %.1f s, half %.1f s, 99 %% %.1f s, all %.1f s; what kept the last: %s",
			after(all[0]), after(all[len(all)/2]), after(all[len(all)*99/100]), after(last), last.failure)
	})
	return text
}

// until waits for is to hold; the limit only catches a hang.
func (s *storm) until(what string, is func() bool) {
	s.Helper()
	for limit := time.Now().Add(15 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			s.Fatalf("waited for %s; %d of %d are online", what, s.online(), len(s.agents))
		}
	}
}

func (s *storm) report(text string) {
	s.Log("\n" + text)
	if *stormTable == "" {
		return
	}
	f, err := os.OpenFile(*stormTable, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.Fatal(err)
	}
	fmt.Fprintln(f, text)
	if err := f.Close(); err != nil {
		s.Fatal(err)
	}
}
