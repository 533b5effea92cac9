package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const password = "twelve chars"

// served is the address of our server before a gokrazy that h stands for.
func served(t *testing.T, h http.Handler, change func(*http.Server)) string {
	t.Helper()
	// The path of a socket is short; the folder of a test is not.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	behind, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	backend := &http.Server{Handler: h}
	go func() { _ = backend.Serve(behind) }()
	t.Cleanup(func() { backend.Close() })

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(password, socket)
	if change != nil {
		change(server)
	}
	go func() { _ = server.Serve(newBounded(l, mostConnections)) }()
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// ask sends a request as it is written, and returns the answer's status.
func ask(t *testing.T, addr, method, target, body string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth("gokrazy", password)
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: card\r\nAuthorization: %s\r\nCookie: gokrazy_xsrf=1\r\nUpgrade: x\r\nConnection: Upgrade, close\r\nAccept: text/html\r\nContent-Length: %d\r\n\r\n%s",
		method, target, r.Header.Get("Authorization"), len(body), body)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestWebPageOnlyShows(t *testing.T) {
	came := make(chan *http.Request, 100)
	addr := served(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r }), nil)
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/divert", ""},
		{"GET", "/divert?path=/user/start&diversion=x", ""},
		{"PUT", "/uploadtemp/x", "program"},
		{"GET", "/uploadtemp/x", ""},
		{"PUT", "/update/root", "image"},
		{"GET", "/update/features", ""},
		{"GET", "/update/switch", ""},
		{"POST", "/reboot", ""},
		{"GET", "/reboot", ""},
		{"POST", "/poweroff", ""},
		{"POST", "/stop", ""},
		{"POST", "/restart?path=/user/start", ""},
		{"GET", "/debug/pprof/heap", ""},
		{"POST", "/", ""},
		{"POST", "/status", "path=/user/start"},
		{"DELETE", "/log", ""},
		{"GET", "/status", "path=/user/start"},
		{"GET", "/assets/../reboot", ""},
		{"GET", "/assets/%2e%2e/reboot", ""},
		{"GET", "/assets/x%2f..%2f..%2freboot", ""},
		{"GET", "//reboot", ""},
		{"GET", "/log/../reboot", ""},
		{"GET", "http://card/reboot", ""},
		{"OPTIONS", "*", ""},
	} {
		if got := ask(t, addr, c.method, c.target, c.body); got < 400 || got >= 500 {
			t.Errorf("%s %s: %d", c.method, c.target, got)
		}
		select {
		case r := <-came:
			t.Errorf("%s %s reached gokrazy as %s %s", c.method, c.target, r.Method, r.URL)
		default:
		}
	}
	for _, c := range []struct{ method, target string }{
		{"GET", "/"}, {"HEAD", "/"}, {"GET", "/status?path=/user/start"}, {"GET", "/log?path=/user/start&stream=both"}, {"GET", "/assets/status.js"},
	} {
		if got := ask(t, addr, c.method, c.target, ""); got != http.StatusOK {
			t.Errorf("%s %s: %d", c.method, c.target, got)
			continue
		}
		r := <-came
		if r.Method != c.method || r.URL.String() != c.target || r.Header.Get("Accept") != "text/html" {
			t.Errorf("%s %s came as %s %s %v", c.method, c.target, r.Method, r.URL, r.Header)
		}
		for _, kept := range []string{"Authorization", "Cookie", "Upgrade", "Connection"} {
			if v := r.Header.Get(kept); v != "" {
				t.Errorf("%s %s: gokrazy was given %s", c.method, c.target, kept)
			}
		}
	}
}

// The log streams for as long as somebody looks, and no longer.
func TestLogOutlivesEveryTimeout(t *testing.T) {
	const short = 500 * time.Millisecond
	left := make(chan struct{})
	addr := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		fmt.Fprintln(w, "first")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(3 * short):
			fmt.Fprintln(w, "later")
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
		}
		<-r.Context().Done()
	}), func(s *http.Server) {
		for _, d := range []*time.Duration{&s.ReadTimeout, &s.ReadHeaderTimeout, &s.IdleTimeout, &s.WriteTimeout} {
			*d = min(*d, short)
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/log", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("gokrazy", password)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]byte, len("first\nlater\n"))
	if _, err := io.ReadFull(answer.Body, lines); err != nil || string(lines) != "first\nlater\n" {
		t.Errorf("the log: %q, %v", lines, err)
	}
	answer.Body.Close()
	within(t, "gokrazy went on for nobody", func() { <-left })
}

func TestServerWaitsForNobodyForEver(t *testing.T) {
	s := newServer(password, "none")
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= 0 || s.IdleTimeout > time.Minute || s.WriteTimeout != 0 {
		t.Errorf("read %v, %v; idle %v; write %v", s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout, s.WriteTimeout)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := newBounded(inner, 2)
	accepted := make(chan net.Conn, 3)
	go func() {
		for range 3 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	second := <-accepted
	defer second.Close()
	select {
	case <-accepted:
		t.Error("a third was let in")
	case <-time.After(100 * time.Millisecond):
	}
	first.Close()
	first.Close() // its place is given away once
	within(t, "the third was never let in", func() { (<-accepted).Close() })
	if n := len(l.room); n != 1 {
		t.Errorf("%d places are taken, want 1", n)
	}
}

// deadlined tells the deadline that a write was given.
type deadlined struct {
	net.Conn
	until time.Time
}

func (d *deadlined) SetWriteDeadline(t time.Time) error { d.until = t; return nil }
func (d *deadlined) Write(b []byte) (int, error)        { return len(b), nil }

func TestEveryWriteHasADeadline(t *testing.T) {
	d := &deadlined{}
	c := &boundedConn{Conn: d, leave: func() {}}
	if _, err := io.Copy(c, strings.NewReader("x")); err != nil || d.until.IsZero() || time.Until(d.until) > writeWithin {
		t.Errorf("until %v, %v", d.until, err)
	}
}
