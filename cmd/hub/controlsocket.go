package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	controlFile = "control.sock" // in the directory of a hub
	controlMode = 0o600          // whoever may ask may have every key
	noControl   = "none"
)

// controlListener is the socket of one hub. Close removes it.
type controlListener struct {
	net.Listener
	lock *os.File
}

// listenControl makes the unix socket at path, which has to be absolute. A lock
// on path.lock is held until Close, so that of two hubs that start at once one is
// refused. What a dead hub left behind is removed; a socket that somebody
// listens at, or a file that is no socket, never is.
func listenControl(path string) (net.Listener, error) {
	if err := checkControlPath(path); err != nil {
		return nil, err
	}
	lock, held, err := lockFile(path + ".lock")
	switch {
	case held:
		return nil, controlInUse(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, configf("control socket %s: there is no such folder", path)
	case err != nil:
		return nil, configf("lock of control socket: %w", err)
	}
	l, err := bindControl(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &controlListener{l, lock}, nil
}

// Close ends the listener and gives its lock free. The lock file stays: without
// it two hubs could hold two locks of one name.
func (l *controlListener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }

func controlInUse(path string) error {
	return &hinted{fmt.Errorf("control socket %s is in use", path), "another hub serves there: end it, or give this one another --control PATH"}
}

// bindControl is called with the lock held.
func bindControl(path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, configf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, configf("control socket %s: there is something else than a socket", path)
	default:
		conn, err := net.DialTimeout("unix", path, 2*time.Second)
		if err == nil {
			conn.Close()
			return nil, controlInUse(path)
		}
		if !nobodyListens(err) {
			return nil, configf("control socket %s: cannot tell whether a hub is there: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return nil, configf("remove stale control socket: %w", err)
		}
	}
	config := net.ListenConfig{Control: narrowSocket}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, configf("control socket: %w", err)
	}
	if err := os.Chmod(path, controlMode); err != nil {
		l.Close()
		return nil, configf("mode of control socket: %w", err)
	}
	return l, nil
}

// checkControlPath refuses what the system would not take, in words.
func checkControlPath(path string) error {
	most := len(syscall.RawSockaddrUnix{}.Path) - 1
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return usagef("--control %q is not a path", path)
	case len(path) > most:
		return &hinted{configf("control socket %s: the path has %d bytes, the system takes %d", path, len(path), most),
			"--control names a shorter path"}
	}
	return nil
}

// nobodyListens reports whether a dial failed because no socket is there, or one
// without a process behind it.
func nobodyListens(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// controlIn is the path of the socket of a hub that serves dir.
func controlIn(dir string) string { return filepath.Join(dir, controlFile) }
