//go:build linux

package board

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "n"), fmt.Sprintf("@fieldpost-test-%d", os.Getpid())} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		n, err := NewNotifier(func(k string) string { return map[string]string{"NOTIFY_SOCKET": name}[k] }, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Send(NotifyReady, Status("all\nwell")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b := make([]byte, 1000)
		size, err := l.Read(b)
		if got := string(b[:size]); err != nil || got != "READY=1\nSTATUS=all well" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestNotifyNobody(t *testing.T) {
	n, err := NewNotifier(func(string) string { return "" }, 1)
	if n != nil || err != nil || n.Timeout() != 0 || n.Send(NotifyReady) != nil {
		t.Errorf("no supervisor: %v, %v", n, err)
	}
	n, err = NewNotifier(func(k string) string {
		return map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}[k]
	}, 1)
	if err != nil || n.Send(NotifyReady) == nil {
		t.Errorf("a supervisor that is gone: %v, %v", n, err)
	}
	if _, err := NewNotifier(func(k string) string { return "vsock:2:1" }, 1); err == nil {
		t.Error("a socket that cannot be told is taken")
	}
}

func TestNotifyTimeout(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		bad       bool
	}{
		{"", "", 0, false},
		{"30000000", "", 30 * time.Second, false},
		{"30000000", "7", 30 * time.Second, false},
		{"30000000", "8", 0, false},
		{"soon", "7", 0, true},
		{"-1", "7", 0, true},
		{"0", "", 0, true},
		{"9223372036854775807", "", 0, true},
	} {
		n, err := NewNotifier(func(k string) string {
			return map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}[k]
		}, 7)
		if n == nil || n.Timeout() != c.want || (err != nil) != c.bad {
			t.Errorf("%q for %q: %v, %v", c.usec, c.pid, n.Timeout(), err)
		}
	}
}

func TestNotifyStatusIsOneLine(t *testing.T) {
	if s := Status(strings.Repeat("ä", 1000)); len(s) > statusMax+len("STATUS=") || !utf8.ValidString(s) || strings.ContainsAny(Status("a\nREADY=1\x7f"), "\n\x7f") {
		t.Errorf("status %q", s)
	}
}
