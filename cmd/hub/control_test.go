package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
)

// A hub that died leaves its socket behind; the next one takes its place.
func TestStaleControlSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	if (controlClient{path}).listens() {
		t.Error("a dead hub counts as listening")
	}
	l, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	if !(controlClient{path}).listens() {
		t.Error("nobody listens at the new socket")
	}
	if _, err := listenControl(path); err == nil || hintOf(err) == "" {
		t.Errorf("second hub at the same socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket outlives its hub: %v", err)
	}
}

// Who lives at the socket is left alone even when it holds no lock.
func TestLivingControlSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	living, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	if l, err := listenControl(path); err == nil {
		l.Close()
		t.Error("a living socket was replaced")
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}

func testControl(t *testing.T) http.Handler {
	t.Helper()
	h, err := hub.New(hub.Options{Listen: "none"})
	if err != nil {
		t.Fatal(err)
	}
	return controlHandler(h, func() (hubFile, error) { return describeHub(h, "", "") })
}

func TestControlRefusals(t *testing.T) {
	handler := testControl(t)
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/", "", http.StatusNotFound},
		{"GET", "/v2/devices", "", http.StatusNotFound},
		{"PUT", "/v1/devices", "", http.StatusNotFound},
		{"POST", "/v1/devices", "{", http.StatusBadRequest},
		{"POST", "/v1/devices", "[]", http.StatusBadRequest},
		{"POST", "/v1/devices", "{}", http.StatusUnprocessableEntity},
		{"POST", "/v1/devices", `{"id":"` + strings.Repeat("x", maxControlBody) + `"}`, http.StatusBadRequest},
		{"DELETE", "/v1/devices", "", http.StatusNotFound},
		{"POST", "/v1/disable?name=%zz", "", http.StatusNotFound},
		{"GET", "/v1/keys?name=nobody", "", http.StatusNotFound},
		{"POST", "/v1/faults", "x", http.StatusBadRequest},
		{"POST", "/v1/faults", `{"fault":"rejct"}`, http.StatusBadRequest},
		{"DELETE", "/v1/faults?id=x", "", http.StatusBadRequest},
		{"DELETE", "/v1/faults?id=7", "", http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), `{"error":"`) {
			t.Errorf("%s %s: %d %s, want %d and the reason", c.method, c.target, w.Code, w.Body, c.status)
		}
	}
}

// Whoever may ask cannot make the hub look at ever more faults.
func TestControlTakesSoManyFaults(t *testing.T) {
	handler := testControl(t)
	for i := range 257 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/faults", strings.NewReader(`{"fault":"stall"}`)))
		switch {
		case i < 256 && w.Code != http.StatusOK:
			t.Fatalf("fault %d: %d %s", i+1, w.Code, w.Body)
		case i == 256 && (w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), `"hint":"hub fault heal`)):
			t.Errorf("fault %d: %d %s", i+1, w.Code, w.Body)
		}
	}
}

// What answers at a socket may be anything.
func TestControlClientMeetsStrangers(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":  "220 mail ready\r\n",
		"no JSON":  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"an error": "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
		"nothing":  "",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, answer)
			}()
			_, err = controlClient{path}.list(t.Context())
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names the socket", err)
			}
		})
	}
}

// pipes is a listener in memory: its connections are those sent to it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// However many connect and say nothing, the hub holds only a few; they are closed
// in time, and those who ask get their turn.
func TestSilentControlConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, silent = 2, 10
		inner := make(pipes, silent+1)
		few := newFewConns(inner, slots)
		server := controlServer(testControl(t), few, controlWithin)
		served := make(chan error)
		go func() { served <- server.Serve(few) }()
		var near net.Conn
		for range silent + 1 {
			conn, far := net.Pipe()
			defer conn.Close()
			near = conn
			inner <- far
		}
		synctest.Wait()
		if n := silent + 1 - len(inner); n != slots {
			t.Errorf("%d connections are held, want %d", n, slots)
		}
		begun := time.Now()
		req := httptest.NewRequest("GET", routeDevices, nil)
		if err := req.Write(near); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(near), req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		if took := time.Since(begun); took != silent/slots*controlWithin {
			t.Errorf("who asks gets a turn after %s, want %s", took, silent/slots*controlWithin)
		}
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func TestControlTellsWhoAnswers(t *testing.T) {
	w := httptest.NewRecorder()
	testControl(t).ServeHTTP(w, httptest.NewRequest("GET", "/v1/", nil))
	var said controlHello
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || !strings.HasPrefix(said.Hub, "localhost") || said.Version != controlVersion || said.PID != os.Getpid() {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
}
