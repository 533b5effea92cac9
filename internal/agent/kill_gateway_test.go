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

// start keeps a life of the gateway running until end.
func (g *gateway) start() {
	g.over, g.done = false, make(chan struct{})
	cmd := g.next()
	go func() {
		defer close(g.done)
		for cmd != nil {
			if err := cmd.Wait(); err != nil && !g.expected(err) {
				g.t.Errorf("life %d of the gateway: %v", g.life(), err)
				return
			}
			cmd = g.next()
		}
	}()
	g.t.Cleanup(func() { g.end(syscall.SIGKILL) })
}

// expected tells whether a life has ended as one may. The signal that ends the last
// one may come before it listens.
func (g *gateway) expected(err error) bool {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	signal := ended.Sys().(syscall.WaitStatus).Signal()
	return signal == syscall.SIGKILL || signal == syscall.SIGTERM && g.over
}

// next starts a life, unless the one before was the last one, and returns it. Whether
// it was is asked and the life started in one: end would not reach a life that comes
// between.
func (g *gateway) next() *exec.Cmd {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		g.t.Error(err)
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		g.t.Error(err)
		return nil
	}
	defer w.Close()
	cmd, online := exec.Command(self), make(chan struct{})
	cmd.Env = append(os.Environ(), lifeIn+"="+g.dir, lifeEnds+"="+string(g.ends))
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		r.Close()
		g.t.Error(err)
		return nil
	}
	g.cmd, g.online = cmd, online
	g.lives++
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
	return cmd
}

// end sends a signal to the life at hand, which is the last one. One that hangs shows
// what its goroutines do.
func (g *gateway) end(s syscall.Signal) {
	g.t.Helper()
	g.mu.Lock()
	g.over = true
	cmd := g.cmd
	g.mu.Unlock()
	if cmd == nil {
		return // none was ever started
	}
	for _, s := range []syscall.Signal{s, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = cmd.Process.Signal(s)
		select {
		case <-g.done:
			return
		case <-time.After(killHang):
			g.t.Errorf("the last life of the gateway goes on after %v", s)
		}
	}
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
