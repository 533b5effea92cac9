//go:build linux

package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/store"
)

// killHang says that something is stuck, and nothing about speed.
const killHang = 60 * time.Second

// gateway is a device whose process is started again whenever it is gone.
type gateway struct {
	t    *testing.T
	dir  string
	ends c2d.Point

	mu     sync.Mutex
	cmd    *exec.Cmd
	lives  int
	online chan struct{} // closed when the life at hand is online
	over   bool
	done   chan struct{}
}

const killedID = "killed"

func newGateway(t *testing.T, h *hub.Hub, ends c2d.Point) *gateway {
	t.Helper()
	if _, err := h.AddDevice(killedID); err != nil {
		t.Fatal(err)
	}
	secret, err := h.DeviceConnectionString(killedID)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, dir: t.TempDir(), ends: ends}
	for name, content := range map[string]string{"connection-string": secret, "ca.pem": string(h.CAPEM()), "agent.toml": `version = 1
[agent]
state_dir = "state"
socket = "s"
[hub]
connection_string_file = "connection-string"
ca_file = "ca.pem"
[commands]
allow = ["once", "repeatable", "resumable", "leave"]
allow_methods = ["once", "repeatable", "resumable", "leave"]
`} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// start keeps a life of the gateway running until stop.
func (g *gateway) start() {
	g.over, g.done = false, make(chan struct{})
	g.next()
	go func() {
		defer close(g.done)
		for {
			if err := g.cmd.Wait(); err != nil && !killed(err) {
				g.t.Errorf("life %d of the gateway: %v", g.lives, err)
				return
			}
			g.mu.Lock()
			over := g.over
			g.mu.Unlock()
			if over {
				return
			}
			g.next()
		}
	}()
	g.t.Cleanup(func() { g.end(syscall.SIGKILL) })
}

func killed(err error) bool {
	var ended *exec.ExitError
	return errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// next starts a life.
func (g *gateway) next() {
	self, err := os.Executable()
	if err != nil {
		g.t.Error(err)
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		g.t.Error(err)
		return
	}
	defer w.Close()
	cmd, online := exec.Command(self), make(chan struct{})
	cmd.Env = append(os.Environ(), lifeIn+"="+g.dir, lifeEnds+"="+string(g.ends))
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cmd, g.online = cmd, online
	g.lives++
	if err := cmd.Start(); err != nil {
		g.t.Error(err)
	}
	go func() {
		defer r.Close()
		said := false
		for s := bufio.NewScanner(r); s.Scan(); {
			if !said {
				close(online)
				said = true
			}
		}
	}()
}

// end sends a signal to the life at hand, which is the last one.
func (g *gateway) end(s syscall.Signal) {
	g.mu.Lock()
	g.over = true
	_ = g.cmd.Process.Signal(s)
	g.mu.Unlock()
	<-g.done
}

// onlineLife waits until there is one.
func (g *gateway) onlineLife() (cmd *exec.Cmd) {
	g.t.Helper()
	g.until("the gateway to come online", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		cmd = g.cmd
		select {
		case <-g.online:
			return true
		default:
			return false
		}
	})
	return cmd
}

func (g *gateway) life() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lives
}

// until waits for something to become true.
func (g *gateway) until(what string, done func() bool) {
	g.t.Helper()
	for hang := time.Now().Add(killHang); !done(); {
		if g.t.Failed() || time.Now().After(hang) {
			g.t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// quiet ends the gateway in order, again and again, until nothing is left to do
// in its store. It returns the journal.
func (g *gateway) quiet() []store.JournalEntry {
	const most = 20
	for range most {
		g.onlineLife()
		g.end(syscall.SIGTERM)
		entries, left := g.look()
		if left == 0 {
			return entries
		}
		g.start()
	}
	g.t.Fatalf("after %d lives there is still something to do", most)
	return nil
}

// look opens the store of a gateway that has ended, and counts what is left to do.
func (g *gateway) look() (entries []store.JournalEntry, left int) {
	s := store.New(store.Options{Dir: filepath.Join(g.dir, "state"), Clock: clock.System()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	open, err := s.Journal().Open(ctx)
	if err != nil {
		g.t.Error(err)
	}
	entries = s.Journal().Entries()
	left = len(open) + int(s.Stats().PerClass[store.Result].Queued)
	cancel()
	if err := <-done; err != nil {
		g.t.Error(fmt.Errorf("store of the gateway: %w", err))
	}
	return entries, left
}
