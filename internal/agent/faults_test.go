package agent

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

var faultTable = flag.String("faults", "", "append the table of TestFaultMatrix to this file")

// faultResult is a line of the table.
type faultResult struct {
	line                 string
	produced, dead, lost int
	duplicates           int
	struck               int
	resumed              time.Duration // from the end of the fault to the next record that arrives
	attempts             float64       // connections begun a minute, from its begin to then
	heap                 uint64        // most bytes in use
	why                  []string
}

// The agent, whole, against each fault that the local hub knows of links it opens:
// it has none to its twin.
func TestFaultMatrix(t *testing.T) {
	known := slices.DeleteFunc(hub.FaultNames(), func(n string) bool { return n == "twin-reply" })
	var results []faultResult
	for _, row := range faultRows() {
		name := hub.MustParseFault(row.line).Name()
		known = slices.DeleteFunc(known, func(n string) bool { return n == name })
		t.Run(row.line, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := suffer(t, row, dir)
				for _, why := range r.why {
					t.Error(why)
				}
				results = append(results, r)
			})
		})
	}
	if len(known) > 0 {
		t.Errorf("no row for %v", known)
	}
	reportFaults(t, results)
}

// suffer runs one agent with two sensors through one fault.
func suffer(t *testing.T, row faultRow, dir string) (r faultResult) {
	r.line = row.line
	say := func(format string, args ...any) { r.why = append(r.why, fmt.Sprintf(format, args...)) }
	f := newFaulty(t, dir)
	f.sleepUntil("the first records", 5*time.Minute, func() bool { return f.hub.EventCount() >= 10 })
	began, dials := time.Now(), f.dialed()
	id := f.hub.Inject(hub.MustParseFault(row.line))
	if row.felt != "" {
		f.hub.Inject(hub.MustParseFault(row.felt))
	}
	for time.Since(began) < row.lasts {
		time.Sleep(time.Second)
		r.heap = max(r.heap, heapInUse())
	}
	for _, s := range f.hub.Faults() {
		if s.ID == id {
			r.struck = s.Struck
		}
	}
	f.hub.Heal(id)
	ended, seen := time.Now(), f.hub.EventCount()
	within := row.within
	if within == 0 {
		within = 6 * time.Minute
	}
	if !f.sleepUntil("a record after the fault", within, func() bool { return f.hub.EventCount() > seen }) {
		say("nothing arrives %s after the fault: link %+v", within, f.agent.link.State())
	}
	r.resumed = time.Since(ended)
	r.attempts = float64(f.dialed()-dials) / time.Since(began).Minutes()
	r.heap = max(r.heap, heapInUse())
	f.agent.StopSampling()
	if !f.sleepUntil("the queue to be empty", 30*time.Minute, func() bool { return queued(f.agent.Stats()) == 0 }) {
		say("%d records are queued still", queued(f.agent.Stats()))
	}
	stats := f.agent.Stats()
	if err := f.agent.stop(); err != nil {
		say("stop: %v", err)
	}
	for _, c := range stats.PerClass {
		r.dead += int(c.Dead)
		if c.Lost > 0 {
			say("the ledger says %d lost", c.Lost)
		}
	}
	r.produced = len(f.produced)
	r.lost, r.duplicates = account(f.hub, f.produced)
	if r.lost -= r.dead; r.lost != 0 {
		say("%d of %d records are neither at the hub nor dead letters", r.lost, r.produced)
	}
	switch {
	case r.struck == 0:
		say("the fault did not strike")
	case r.dead > 0 && !row.dead:
		say("%d dead letters", r.dead)
	case r.dead == 0 && row.dead:
		say("no dead letter")
	case r.attempts > 60:
		say("%.0f attempts a minute", r.attempts)
	case r.heap > 64<<20:
		say("%d MiB of heap", r.heap>>20)
	}
	return r
}

// faulty is an agent at a hub in memory, in virtual time.
type faulty struct {
	t     *testing.T
	hub   *hub.Hub
	agent *running

	mu       sync.Mutex
	dials    int
	produced []string
}

func newFaulty(t *testing.T, dir string) *faulty {
	f := &faulty{t: t}
	var err error
	if f.hub, err = hub.New(hub.Options{Listen: "none"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.hub.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	if _, err := f.hub.AddDevice("gw"); err != nil {
		t.Fatal(err)
	}
	secret, err := f.hub.DeviceConnectionString("gw")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "connection-string")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, fmt.Sprintf("[hub]\nconnection_string_file = %q\n", file)+
		"[[sensor]]\nname = \"a\"\nsource = \"simulated\"\nevery = \"1s\"\n"+
		"[[sensor]]\nname = \"b\"\nsource = \"simulated\"\nevery = \"1s\"\n")
	// A real socket would hold up virtual time.
	if err := os.Mkdir(cfg.Agent.Socket, 0o700); err != nil {
		t.Fatal(err)
	}
	board := boardsim.New(boardsim.Options{})
	f.agent = run(t, cfg, Parts{
		Buses: board, Lines: board, Root: dir, Clock: clock.NewFake(time.Now()).Follow(),
		Dial: func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
			f.mu.Lock()
			f.dials++
			f.mu.Unlock()
			conn, err := f.hub.Dial(ctx)
			if err != nil {
				return nil, err
			}
			return secured(ctx, conn, f.hub)
		},
		Watch: Watch{Reading: func(_ sensors.Reading, ticket store.Ticket) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, id := range ticket.IDs() {
				f.produced = append(f.produced, id.String())
			}
		}},
	})
	return f
}

func (f *faulty) dialed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dials
}

// sleepUntil waits in virtual time, a tenth of a second by a tenth.
func (f *faulty) sleepUntil(what string, within time.Duration, is func() bool) bool {
	for end := time.Now().Add(within); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Logf("waited %s for %s", within, what)
			return false
		}
	}
	return true
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func reportFaults(t *testing.T, results []faultResult) {
	t.Helper()
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault of the hub\tstruck\tproduced\tdead\tlost\tduplicates\tresumed after\tattempts/min\theap\tverdict")
	for _, r := range results {
		verdict := "PROVEN"
		if len(r.why) > 0 {
			verdict = "FAILED"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%.1f\t%.0f MiB\t%s\n",
			r.line, r.struck, r.produced, r.dead, r.lost, r.duplicates, r.resumed.Seconds(), r.attempts, float64(r.heap)/(1<<20), verdict)
	}
	_ = w.Flush()
	t.Log("\n" + b.String())
	if *faultTable == "" {
		return
	}
	file, err := os.OpenFile(*faultTable, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(file, b.String())
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
