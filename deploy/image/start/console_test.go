package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopped returns a console that nobody reads from, and its other end.
func stopped(t *testing.T) (io.Writer, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "console")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	found := consoles(path, filepath.Join(t.TempDir(), "no such console"))
	if len(found) != 1 {
		t.Fatalf("%d consoles, want 1", len(found))
	}
	return found[0], end
}

// within fails the test when the function does not return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal(what)
	}
}

func TestStoppedConsoleHoldsNothingUp(t *testing.T) {
	out, end := stopped(t)
	within(t, "the end of a program was not seen", func() {
		c := command(t.Context(), out, "/bin/sh", "-c", "head -c 8000000 /dev/zero; exit 3")
		var exit *exec.ExitError
		if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("the program ended with %v", err)
		}
	})
	// Whoever lets the console go on reads what had room, and that some is missing.
	var read bytes.Buffer
	for b := make([]byte, 32<<10); !strings.Contains(read.String(), "pieces of the log are missing here\r\n"); {
		if err := end.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := end.Read(b)
		if err != nil {
			t.Fatalf("after %d bytes: %v", read.Len(), err)
		}
		read.Write(b[:n])
	}
}

func TestConsoleReturnsToTheFirstColumn(t *testing.T) {
	out, end := stopped(t)
	if n, err := out.Write([]byte("one\ntwo\n")); n != 8 || err != nil {
		t.Errorf("written: %d, %v", n, err)
	}
	if err := end.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len("one\r\ntwo\r\n"))
	if _, err := io.ReadFull(end, b); err != nil || string(b) != "one\r\ntwo\r\n" {
		t.Errorf("read: %q, %v", b, err)
	}
}

// A program that the agent started may outlive it, with the agent's output open.
func TestEndIsSeenThoughAChildKeepsTheOutput(t *testing.T) {
	c := command(t.Context(), io.Discard, "/bin/sh", "-c", "sleep 60 & exit 0")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.WaitDelay != leftOpen {
		t.Fatalf("waits %v", c.WaitDelay)
	}
	c.WaitDelay = time.Millisecond
	within(t, "the end of a program was not seen", func() {
		if err := c.Run(); !errors.Is(err, exec.ErrWaitDelay) {
			t.Errorf("the program ended with %v", err)
		}
	})
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
}

func TestCommandEndsWithItsDeadline(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	within(t, "it ran on", func() {
		if err := command(ctx, io.Discard, "/bin/sleep", "60").Run(); err == nil {
			t.Error("no error")
		}
	})
}
