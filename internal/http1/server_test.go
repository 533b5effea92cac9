package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/http1"
)

const hang = 60 * time.Second

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, s http1.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*time.Duration{&s.HeadWithin, &s.RequestWithin, &s.AnswerWithin, &s.StopWithin} {
		if *d == 0 {
			*d = hang
		}
	}
	if s.MaxHead == 0 {
		s.MaxHead = 8192
	}
	s.MaxConns = 4
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// echo answers with what it was asked.
func echo(_ context.Context, w *http1.Answer, r *http1.Asked) {
	body, err := r.ReadBody(100_000)
	var large *http1.TooLargeError
	switch {
	case errors.As(err, &large):
		w.WriteHeader(http1.StatusRequestEntityTooLarge)
	case err != nil:
		w.WriteHeader(http1.StatusBadRequest)
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.Path, r.URL.RawQuery, body)
}

// net/http's client gets on with it, whatever way it sends a body.
func TestServerToNetHTTP(t *testing.T) {
	addr := serve(t, http1.Server{Handler: echo})
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		method, target string
		body           io.Reader
		expect         bool
		status         int
		want           string
	}{
		{"GET", "/a%20b?c=d", nil, false, 200, "GET /a b c=d "},
		{"HEAD", "/a", nil, false, 200, ""},
		{"POST", "/", strings.NewReader("body"), false, 200, "POST /  body"},
		{"POST", "/", strings.NewReader(long), false, 200, "POST /  " + long},
		{"POST", "/", io.MultiReader(strings.NewReader("in "), strings.NewReader("chunks")), false, 200, "POST /  in chunks"},
		{"POST", "/", strings.NewReader("continue"), true, 200, "POST /  continue"},
		{"POST", "/", strings.NewReader(long + long), false, 413, "POST /  "},
	} {
		r, err := http.NewRequest(c.method, "http://"+addr+c.target, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if c.expect {
			r.Header.Set("Expect", "100-continue")
		}
		client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: hang}, Timeout: hang}
		got, err := client.Do(r)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.target, err)
			continue
		}
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil || got.StatusCode != c.status || string(text) != c.want || got.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s %s: %d %.40q, %v; want %d %.40q", c.method, c.target, got.StatusCode, text, err, c.status, c.want)
		}
	}
}

// raw sends bytes and returns all that comes back.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%.40q: %v", request, err)
	}
	return string(all)
}

func TestServerRefuses(t *testing.T) {
	addr := serve(t, http1.Server{Handler: echo, MaxHead: 2000})
	for request, want := range map[string]string{
		"nonsense\r\n\r\n":                                                                               "400 Bad Request",
		"GET / HTTP/1.1\r\n\r\n":                                                                         "400 Bad Request", // no Host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                                   "400 Bad Request",
		"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n":                                                        "400 Bad Request",
		"GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n":                                                  "400 Bad Request",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                               "505 HTTP Version Not Supported",
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2000) + "\r\n\r\n":                      "431 Request Header Fields Too Large",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n":                                  "501 Not Implemented",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "400 Bad Request",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n":                                        "400 Bad Request",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                         "400 Bad Request", // the handler's
	} {
		got := raw(t, addr, request)
		if !strings.HasPrefix(got, "HTTP/1.1 "+want+"\r\n") || !strings.Contains(got, "Connection: close\r\n") {
			t.Errorf("%.60q: %.60q, want %s", request, got, want)
		}
	}
}

// HTTP/1.0 knows neither Host nor chunks.
func TestServerToHTTP10(t *testing.T) {
	addr := serve(t, http1.Server{Handler: func(_ context.Context, w *http1.Answer, _ *http1.Asked) {
		fmt.Fprint(w, "one ")
		_ = w.Flush()
		fmt.Fprint(w, "two")
	}})
	if got := raw(t, addr, "GET / HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\none two") || strings.Contains(got, "chunked") {
		t.Errorf("got %q", got)
	}
}

// An answer in parts arrives in parts, and its trailer behind it.
func TestServerInParts(t *testing.T) {
	on := make(chan struct{})
	addr := serve(t, http1.Server{Handler: func(_ context.Context, w *http1.Answer, _ *http1.Asked) {
		w.Header().Set("Trailer", "Problem")
		fmt.Fprint(w, "first")
		_ = w.Flush()
		<-on
		_, _ = w.Write(bytes.Repeat([]byte{'x'}, 100_000))
		w.Trailer = http1.Header{"Problem": {"none"}}
	}})
	got, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if _, err := io.ReadFull(got.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	close(on)
	rest, err := io.ReadAll(got.Body)
	if err != nil || len(rest) != 100_000 || got.Trailer.Get("Problem") != "none" {
		t.Errorf("%d bytes, %v, trailer %v", len(rest), err, got.Trailer)
	}
}

// What is broken off, by itself or by a panic, is no whole answer, and the server
// goes on.
func TestServerBreaksOff(t *testing.T) {
	var log bytes.Buffer
	t.Cleanup(func() { // after the server has ended
		if !strings.Contains(log.String(), "it broke") {
			t.Errorf("logged %q", log.String())
		}
	})
	addr := serve(t, http1.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: func(_ context.Context, w *http1.Answer, r *http1.Asked) {
		fmt.Fprint(w, "part")
		_ = w.Flush()
		switch r.URL.Path {
		case "/abort":
			w.Abort()
			if _, err := w.Write([]byte("more")); !errors.Is(err, http1.ErrAborted) {
				t.Errorf("writing went on: %v", err)
			}
		case "/panic":
			panic("it broke")
		}
	}})
	for path, whole := range map[string]bool{"/": true, "/abort": false, "/panic": false} {
		got, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(got.Body)
		got.Body.Close()
		if (err == nil) != whole {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A handler learns that nobody waits any more, also long after the limit for
// receiving the request, which is none for being there.
func TestServerTellsOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	const within = 500 * time.Millisecond
	received, told := make(chan struct{}), make(chan error, 1)
	addr := serve(t, http1.Server{RequestWithin: within, Handler: func(ctx context.Context, _ *http1.Answer, r *http1.Asked) {
		_, _ = r.ReadBody(10)
		select {
		case <-ctx.Done():
			told <- errors.New("told before")
			return
		case <-time.After(3 * within):
		}
		close(received)
		<-ctx.Done()
		told <- nil
	}})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-received:
	case err := <-told:
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-told:
	case <-time.After(hang):
		t.Error("never told")
	}
}

// The end cuts off who does not get on, and a listener that fails is told.
func TestServerEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := http1.Server{Handler: echo, HeadWithin: hang, RequestWithin: hang, AnswerWithin: hang, StopWithin: time.Millisecond, MaxHead: 100, MaxConns: 1}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HT"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadByte(); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the connection goes on: %v", err)
	}
	if err := s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}
