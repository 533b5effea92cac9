package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal and what was written to it.
type pty struct {
	master, slave *os.File
	mu            sync.Mutex
	out           strings.Builder
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{master: master, slave: slave}
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			p.mu.Lock()
			p.out.Write(buffer[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		_ = slave.Close()
		_ = master.Close()
		reading.Wait()
	})
	return p
}

func (p *pty) modes(t *testing.T) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

// ended waits until the terminal was told to go back.
func (p *pty) ended(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		out := p.out.String()
		p.mu.Unlock()
		if strings.HasSuffix(out, leave) {
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("left as %q", out)
		}
	}
}

// Whatever ends it, the terminal is as it was before.
func TestTerminalIsGivenBack(t *testing.T) {
	cause := errors.New("cause")
	for name, run := range map[string]func(context.Context, Screen) error{
		"an error": func(context.Context, Screen) error { return cause },
		"a panic":  func(context.Context, Screen) error { panic(cause) },
		"a signal": func(ctx context.Context, _ Screen) error {
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				return err
			}
			<-ctx.Done()
			return cause
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPTY(t)
			before := p.modes(t)
			var during unix.Termios
			err := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = v.(error)
					}
				}()
				return On(t.Context(), p.slave, p.slave, func(ctx context.Context, s Screen) error {
					during = p.modes(t)
					if err := s.Show("frame"); err != nil {
						return err
					}
					return run(ctx, s)
				})
			}()
			if !errors.Is(err, cause) {
				t.Error(err)
			}
			if during.Lflag&unix.ICANON != 0 || p.modes(t) != before {
				t.Errorf("modes %+v, before %+v, during %+v", p.modes(t), before, during)
			}
			if out := p.ended(t); !strings.HasPrefix(out, enter+"frame") {
				t.Errorf("wrote %q", out)
			}
		})
	}
}

func TestTerminalIsRead(t *testing.T) {
	p := newPTY(t)
	if err := unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 101, Row: 33}); err != nil {
		t.Fatal(err)
	}
	err := On(t.Context(), p.slave, p.slave, func(_ context.Context, s Screen) error {
		if c, r := s.Size(); c != 101 || r != 33 || Columns(p.slave) != 101 {
			t.Errorf("%d by %d", c, r)
		}
		if _, err := io.WriteString(p.master, "\x1b[A\x03"); err != nil {
			return err
		}
		var typed string
		for !strings.HasSuffix(typed, "\x03") {
			typed += <-s.Typed()
		}
		if fmt.Sprint(keys(typed)) != fmt.Sprint([]key{keyUp, keyQuit}) {
			t.Errorf("typed %q", typed)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			return err
		}
		<-s.Changed()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if Is(f) || Columns(f) != 0 {
		t.Error("taken for a terminal")
	}
	if err := On(t.Context(), f, f, nil); err == nil {
		t.Error("no error")
	}
}
