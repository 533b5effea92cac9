package top

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/internal/diag"
)

// screen is a Screen that a test looks at.
type screen struct {
	mu      sync.Mutex
	frame   string
	shown   chan struct{}
	broken  error
	typed   chan string
	changed chan struct{}
	columns int
}

func newScreen() *screen {
	return &screen{shown: make(chan struct{}, 1), typed: make(chan string), changed: make(chan struct{}, 1), columns: 80}
}

func (s *screen) Size() (int, int)         { s.mu.Lock(); defer s.mu.Unlock(); return s.columns, 24 }
func (s *screen) Typed() <-chan string     { return s.typed }
func (s *screen) Changed() <-chan struct{} { return s.changed }
func (s *screen) Show(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame = text
	select {
	case s.shown <- struct{}{}:
	default:
	}
	return s.broken
}

// until waits for a frame that holds text.
func (s *screen) until(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		s.mu.Lock()
		frame := s.frame
		s.mu.Unlock()
		if strings.Contains(frame, text) {
			return
		}
		select {
		case <-s.shown:
		case <-deadline:
			t.Fatalf("%q was never shown; last frame:\n%s", text, frame)
		}
	}
}

// serve answers as an agent with that pid does, until the returned function is called.
func serve(t *testing.T, path string, pid int) (stop func()) {
	t.Helper()
	l, err := diag.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := diag.NewServer(diag.ServerOptions{Provider: diag.Provider{
		Status: func(context.Context) (diag.Status, error) {
			s := gateway(1).Status
			s.Agent.PID = pid
			return s, nil
		},
		Sensors:  func(context.Context) (diag.Sensors, error) { return diag.Sensors{Sensors: gateway(1).Sensors}, nil },
		Commands: func(context.Context) (diag.Commands, error) { return diag.Commands{}, nil },
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	return func() {
		cancel()
		<-done
		_ = l.Close()
	}
}

func TestRunFollowsAnAgentThatRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := newScreen()
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), s, Options{Client: diag.NewClient(path), Every: 5 * time.Millisecond})
	}()
	s.until(t, "NO ANSWER")
	s.until(t, "hint: start it with ")
	stop := serve(t, path, 1)
	s.until(t, "BROKEN: network")
	stop()
	s.until(t, "what follows is old")
	defer serve(t, path, 2)()
	s.until(t, "the agent restarted")
	s.mu.Lock()
	s.columns = 30
	s.mu.Unlock()
	s.changed <- struct{}{}
	s.until(t, "chain  board buses sensors sto\x1b[K")
	s.typed <- "?"
	s.until(t, "quit")
	s.typed <- "q"
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithItsTerminal(t *testing.T) {
	o := Options{Client: diag.NewClient(filepath.Join(t.TempDir(), "s")), Every: time.Millisecond}
	s := newScreen()
	s.broken = net.ErrClosed
	if err := Run(t.Context(), s, o); !errors.Is(err, errGone) || !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	s = newScreen()
	close(s.typed)
	if err := Run(t.Context(), s, o); !errors.Is(err, errGone) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, newScreen(), o); err != nil {
		t.Error(err)
	}
}
