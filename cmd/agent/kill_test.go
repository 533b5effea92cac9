package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/agent"
	"fieldpost/sensors"
	"fieldpost/store"
)

const (
	// reportDurable makes the child report, on its file descriptor 3, the
	// message-id of each record whose ticket said durable.
	reportDurable = "FIELDPOST_TEST_REPORT_DURABLE"

	killRounds = 50
	killHang   = 60 * time.Second
)

// watchFromEnvironment is how the child of the kill test reports.
func watchFromEnvironment() agent.Watch {
	if os.Getenv(reportDurable) == "" {
		return agent.Watch{}
	}
	var mu sync.Mutex
	pipe := os.NewFile(3, "durable")
	return agent.Watch{Reading: func(_ sensors.Reading, t store.Ticket) {
		go func() {
			if t.Durable(context.Background()) != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range t.IDs() {
				fmt.Fprintln(pipe, id)
			}
		}()
	}}
}

// TestKill kills the real program at seeded moments against a live hub that
// hands many messages back. Whatever was reported durable must reach the hub in
// the end.
func TestKill(t *testing.T) {
	rounds := killRounds
	if testing.Short() {
		rounds /= 5
	}
	seed := uint64(20261121)
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	accepted := map[string]bool{}
	moody := rand.New(rand.NewPCG(seed, 1))
	calm := false
	h := startHub(t, hub.Options{Outcome: func(e hub.Event) hub.Settlement {
		mu.Lock()
		defer mu.Unlock()
		if !calm && moody.IntN(3) > 0 {
			return hub.Release
		}
		accepted[e.MessageID] = true
		return hub.Accept
	}})
	config := killConfig(t, h)

	reported := map[string]bool{}
	unsettled := 0
	for range rounds {
		child := startChild(t, config)
		// The first report says that the agent is up; the kill falls within the
		// next few commits.
		child.first(t)
		child.killAfter(time.Duration(random.IntN(400)) * time.Millisecond)
		open := 0
		mu.Lock()
		for _, id := range child.reports() {
			reported[id] = true
			if !accepted[id] {
				open++
			}
		}
		mu.Unlock()
		if open > 0 {
			unsettled++
		}
	}
	if unsettled < rounds/2 {
		t.Errorf("only %d of %d kills found records unsettled: the test does not test", unsettled, rounds)
	}

	mu.Lock()
	calm = true
	mu.Unlock()
	child := startChild(t, config)
	deadline := time.After(killHang)
	for missing := -1; missing != 0; {
		mu.Lock()
		missing = 0
		for id := range reported {
			if !accepted[id] {
				missing++
			}
		}
		mu.Unlock()
		select {
		case <-deadline:
			t.Fatalf("%d of %d records were reported durable and never reached the hub", missing, len(reported))
		case <-time.After(50 * time.Millisecond):
		}
	}
	child.killAfter(0)
	t.Logf("%d kills, %d of them with records unsettled; %d records reported durable, all at the hub", rounds, unsettled, len(reported))
	if len(reported) < 10*rounds {
		t.Errorf("only %d records were reported", len(reported))
	}
}

func startHub(t *testing.T, o hub.Options) *hub.Hub {
	t.Helper()
	h, err := hub.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// killConfig writes a configuration with sensors that give some eighty readings a second.
func killConfig(t *testing.T, h *hub.Hub) string {
	t.Helper()
	if _, err := h.AddDevice("killed"); err != nil {
		t.Fatal(err)
	}
	secret, err := h.DeviceConnectionString("killed")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString(`version = 1
[agent]
state_dir = "state"
socket = "s"
[hub]
connection_string_file = "connection-string"
ca_file = "ca.pem"
[store]
commit_every = "100ms"
`)
	for i := range 8 {
		fmt.Fprintf(&text, "[[sensor]]\nname = \"s%d\"\nsource = \"simulated\"\nevery = \"100ms\"\n", i)
	}
	for name, content := range map[string]string{
		"agent.toml": text.String(), "connection-string": secret, "ca.pem": string(h.CAPEM()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "agent.toml")
}

// child is one life of the program.
type child struct {
	cmd   *exec.Cmd
	lines chan string // closed when the child is gone and its pipe is read
	seen  []string
}

func startChild(t *testing.T, config string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self, "run", "--config", config), lines: make(chan string, 1<<16)}
	c.cmd.Env = append(os.Environ(), reportDurable+"=1", childOfTest+"=1")
	c.cmd.ExtraFiles = []*os.File{w}
	if testing.Verbose() {
		c.cmd.Stderr = os.Stderr
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { c.killAfter(0) })
	go func() {
		defer close(c.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	return c
}

// first waits for the first report.
func (c *child) first(t *testing.T) {
	t.Helper()
	select {
	case id, ok := <-c.lines:
		if !ok {
			t.Fatalf("the agent ended by itself: %v", c.cmd.Wait())
		}
		c.seen = append(c.seen, id)
	case <-time.After(killHang):
		_ = c.cmd.Process.Kill()
		t.Fatal("the agent reports nothing")
	}
}

// killAfter ends the child with SIGKILL; nothing of it runs any more afterwards.
func (c *child) killAfter(d time.Duration) {
	<-time.After(d)
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// reports returns all ids of the child; a line cut in the middle is none.
func (c *child) reports() []string {
	for id := range c.lines {
		if _, err := store.ParseID(id); err == nil {
			c.seen = append(c.seen, id)
		}
	}
	return c.seen
}
