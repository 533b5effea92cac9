package diag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// SocketMode is the mode of the socket: the agent's user and group may connect.
const SocketMode = 0o660

// probeWithin is how long whoever holds a socket is given to say that it is an agent.
const probeWithin = 2 * time.Second

// InUseError means that the socket belongs to somebody who lives.
type InUseError struct {
	Path  string
	PID   int  // 0 = unknown
	Agent bool // an agent; otherwise something else that listens there
}

func (e *InUseError) Error() string {
	who := ""
	if e.PID > 0 {
		who = " (pid " + strconv.Itoa(e.PID) + ")"
	}
	if e.Agent {
		return "agent already running at " + e.Path + who
	}
	return "socket " + e.Path + " is held by something that does not answer as an agent" + who
}

// Hint returns the next move.
func (e *InUseError) Hint() string {
	if e.Agent {
		return "stop it, or give this one a socket and a state folder of its own"
	}
	return "end it, or set agent.socket to another path"
}

// Listener is the agent's socket. Close removes it.
type Listener struct {
	*net.UnixListener
	lock *os.File
	once sync.Once
	err  error
}

// Listen makes the unix socket at path, with SocketMode; a missing folder is
// made with mode 0755. A lock on path + ".lock" is held until Close, so that of
// two agents that start at once one gets an InUseError. What a dead agent left
// behind is removed; a socket that somebody listens on, or a file that is no
// socket, never is.
func Listen(path string) (*Listener, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("folder of socket: %w", err)
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := listen(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Listener{UnixListener: l, lock: lock}, nil
}

// Close ends the listener, removes the socket and gives the lock free. The lock
// file stays: removing it would let two agents hold two locks of the same name.
func (l *Listener) Close() error {
	l.once.Do(func() { l.err = errors.Join(l.UnixListener.Close(), l.lock.Close()) })
	return l.err
}

// CheckPath refuses what the kernel would not take as the path of a socket, in words.
func CheckPath(path string) error {
	most := len(syscall.RawSockaddrUnix{}.Path) - 1
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return fmt.Errorf("socket %q: not a path", path)
	case len(path) > most:
		return hinted{fmt.Errorf("socket %s: path has %d bytes, the system takes %d", path, len(path), most),
			"use a shorter path"}
	}
	return nil
}

// CheckFree refuses a place where there is something else than a socket, which an
// agent would not remove.
func CheckFree(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return notSocket(path)
	}
	return nil
}

func notSocket(path string) error {
	return hinted{fmt.Errorf("socket %s: there is something else than a socket", path), "remove it, and the agent makes its socket; or set agent.socket to another path"}
}

// takeLock locks the file beside the socket and writes the process id into it.
// Others may not even read the file: whoever can open it can lock it.
func takeLock(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, hinted{fmt.Errorf("lock of socket: %w", err), "agent.socket has to lie in a folder that the agent's user can write, as /run/fieldpost is"}
	}
	ok, err := lock(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		defer f.Close()
		return nil, &InUseError{Path: path, PID: lockedBy(f), Agent: true}
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

func writePID(f *os.File) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func lockedBy(f *os.File) int {
	b := make([]byte, 24)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// listen is called with the lock held.
func listen(path string) (*net.UnixListener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, notSocket(path)
	default:
		if err := probe(path); err != nil {
			return nil, err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove stale socket: %w", err)
		}
	}
	config := net.ListenConfig{Control: narrow}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := os.Chmod(path, SocketMode); err != nil {
		l.Close()
		return nil, fmt.Errorf("mode of socket: %w", err)
	}
	return l.(*net.UnixListener), nil
}

// probe returns nil when nobody listens at path any more.
func probe(path string) error {
	conn, err := net.DialTimeout("unix", path, probeWithin)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("socket %s: cannot tell whether an agent is there: %w", path, err)
	}
	defer conn.Close()
	peer, _ := PeerOf(conn)
	used := &InUseError{Path: path, PID: peer.PID}
	ctx, cancel := context.WithTimeout(context.Background(), probeWithin)
	defer cancel()
	if contents, err := NewClient(path).Contents(ctx); err == nil && contents.Version > 0 {
		used.Agent, used.PID = true, contents.PID
	}
	return used
}
