package diag

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// stale leaves a socket behind as a killed agent does.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenMakesFolderAndMode(t *testing.T) {
	path := filepath.Join(filepath.Dir(tempPath(t)), "run", "fieldpost", "agent.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != fs.ModeSocket|SocketMode {
		t.Errorf("mode %v", info.Mode())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after Close: %v", err)
	}
	if l, err = Listen(path); err != nil {
		t.Fatalf("again: %v", err)
	}
	l.Close()
}

func TestStaleSocketIsTakenOver(t *testing.T) {
	path := tempPath(t)
	stale(t, path)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	serveOn(t, l, ServerOptions{})
	if _, err := NewClient(path).Contents(t.Context()); err != nil {
		t.Error(err)
	}
}

func inUse(t *testing.T, path string) *InUseError {
	t.Helper()
	l, err := Listen(path)
	if err == nil {
		l.Close()
		t.Fatal("the socket was taken from somebody who lives")
	}
	var used *InUseError
	if !errors.As(err, &used) {
		t.Fatalf("got %v, want an InUseError", err)
	}
	if used.Path != path || used.PID != os.Getpid() || used.Hint() == "" {
		t.Errorf("got %+v", used)
	}
	return used
}

func TestLiveAgentIsLeftAlone(t *testing.T) {
	path := serve(t, ServerOptions{})
	for _, how := range []string{"by its lock", "by its answer"} {
		if used := inUse(t, path); !used.Agent || !strings.HasPrefix(used.Error(), "agent already running at "+path+" (pid ") {
			t.Errorf("%s: %v", how, used)
		}
		if _, err := NewClient(path).Contents(t.Context()); err != nil {
			t.Errorf("%s: it does not answer any more: %v", how, err)
		}
		// An agent of which only the socket is left to be seen.
		if err := os.Remove(path + ".lock"); err != nil && how == "by its lock" {
			t.Fatal(err)
		}
	}
}

func TestStrangerIsLeftAlone(t *testing.T) {
	for name, answer := range map[string]string{
		"hangs up":   "",
		"garbage":    "\x00\xff220 mail ready\r\n",
		"other HTTP": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"no JSON":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			var stranger sync.WaitGroup
			stranger.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
					c.Close()
				}
			})
			defer stranger.Wait()
			defer l.Close()
			if used := inUse(t, path); used.Agent || !strings.Contains(used.Error(), "does not answer as an agent") {
				t.Errorf("got %v", used)
			}
		})
	}
}

func TestOtherFileIsLeftAlone(t *testing.T) {
	path := tempPath(t)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); err == nil {
		l.Close()
		t.Error("a file was replaced")
	}
	if b, err := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestLockIsNoLink(t *testing.T) {
	if noFollow == 0 {
		t.Skip("not on this platform")
	}
	path := tempPath(t)
	target := filepath.Join(filepath.Dir(path), "precious")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path+".lock"); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); err == nil {
		l.Close()
		t.Error("a link was followed")
	}
	if b, err := os.ReadFile(target); string(b) != "precious" {
		t.Errorf("got %q, %v", b, err)
	}
}

// Of many that start at once on what a dead agent left, one gets the socket.
func TestOneOfManyStarters(t *testing.T) {
	path := tempPath(t)
	for range 20 {
		stale(t, path)
		var (
			wait sync.WaitGroup
			mu   sync.Mutex
			won  []*Listener
		)
		for range 8 {
			wait.Go(func() {
				l, err := Listen(path)
				mu.Lock()
				defer mu.Unlock()
				var used *InUseError
				if err == nil {
					won = append(won, l)
				} else if !errors.As(err, &used) {
					t.Errorf("got %v", err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 {
			t.Fatalf("%d have the socket", len(won))
		}
		if c, err := net.Dial("unix", path); err != nil {
			t.Fatalf("the winner cannot be reached: %v", err)
		} else {
			c.Close()
		}
		won[0].Close()
	}
}

func TestPathsTheKernelWouldNotTake(t *testing.T) {
	for path, want := range map[string]string{
		"":      "not a path",
		"a\x00": "not a path",
		filepath.Join(filepath.Dir(tempPath(t)), strings.Repeat("x", 120)): "the system takes",
	} {
		if l, err := Listen(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", path, err)
			if err == nil {
				l.Close()
			}
		}
		if _, err := NewClient(path).Status(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("client of %q: got %v", path, err)
		}
	}
}

func TestPeerOf(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	l, err := Listen(tempPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := Peer{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}
	for _, conn := range []net.Conn{c, s} {
		if p, err := PeerOf(conn); err != nil || p != want {
			t.Errorf("got %+v, %v; want %+v", p, err, want)
		}
	}
}
