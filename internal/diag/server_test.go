package diag

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const hang = 60 * time.Second

// tempPath is short enough for a socket, whatever the test is called.
func tempPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "diag")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "a.sock")
}

// serve runs a server on a real socket until the test ends, and holds it to
// ending in order.
func serve(t *testing.T, o ServerOptions) string {
	t.Helper()
	path := tempPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	serveOn(t, l, o)
	return path
}

func serveOn(t *testing.T, l net.Listener, o ServerOptions) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- NewServer(o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(hang):
			t.Error("Serve does not end")
		}
	})
}

func returns[T any](v T, err error) func(context.Context) (T, error) {
	return func(context.Context) (T, error) { return v, err }
}

// ask sends raw bytes and returns the answer.
func ask(t *testing.T, network, addr, request string) (int, http.Header, string) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestAnswersArriveWhole(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC)
	status := Status{Queue: Queue{Depth: 3, OldestAgeS: 1.5, ByClass: map[string]Counts{"telemetry": {Queued: 3, Bytes: 99}}, LostBy: map[string]uint64{"evicted": 2}},
		AtRiskS: 0.25, Link: Link{Phase: "online", Connects: 1}, Agent: Agent{Version: "1", PID: 7, Epoch: 2}}
	status.Judge(nil)
	sensors := Sensors{Sensors: []Sensor{{Name: "a", Source: "host", Condition: "ok", EveryS: 10,
		Last: &Reading{At: at, AgeS: 2, Values: []Value{{Name: "load", Value: 0.5, Quality: "good"}}}}}}
	queue := QueueReport{Queue: status.Queue, Store: Store{Ready: true, AtRiskByClassS: map[string]float64{"alarm": 0}, Progress: &Progress{"salvage", 1, 2}}, Losses: []Loss{{Reason: "evicted", Class: "telemetry", Count: 2, From: at}},
		DeadLetters: []DeadLetter{{MessageID: "m", Cause: "too large", At: at}}}
	commands := Commands{Actions: []Action{{Name: "ping", Allowed: true}}, Journal: []Command{{MessageID: "m", Seq: 1 << 60, Verdict: "completed"}}}
	flushed := Flushed{Queued: 5, AtRiskS: 1}
	c := NewClient(serve(t, ServerOptions{Provider: Provider{
		Status: returns(status, nil), Sensors: returns(sensors, nil), Queue: returns(queue, nil), Commands: returns(commands, nil),
		Flush: func(ctx context.Context) (Flushed, error) {
			if p, ok := PeerFrom(ctx); !ok || p.PID != os.Getpid() || p.UID != os.Getuid() {
				return Flushed{}, fmt.Errorf("asked by %+v, %v", p, ok)
			}
			return flushed, nil
		},
		Export: func(context.Context, func(Record) error) error { return nil },
	}}))
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	same(t, status)(c.Status(ctx))
	same(t, sensors)(c.Sensors(ctx))
	same(t, queue)(c.Queue(ctx))
	same(t, commands)(c.Commands(ctx))
	if runtime.GOOS == "linux" {
		same(t, flushed)(c.Flush(ctx))
	}
	contents, err := c.Contents(ctx)
	if err != nil || contents.Version != 1 || contents.PID != os.Getpid() || len(contents.Routes) != 10 {
		t.Errorf("got %+v, %v", contents, err)
	}
	for _, r := range contents.Routes {
		if r.Changes != (r.Method == http.MethodPost) || r.Help == "" || !strings.HasPrefix(r.Path, "/v1/") {
			t.Errorf("route %+v", r)
		}
	}
}

func same[T any](t *testing.T, want T) func(T, error) {
	return func(got T, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
		}
	}
}

// The names that programs rely on.
func TestStatusOnTheWire(t *testing.T) {
	s := Status{}
	s.Judge(parts("board=broken"))
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ok":false`, `"broken":"board"`, `"chain":[{"part":"board","state":"broken"},{"part":"buses","state":"waiting"`,
		`"waiting_for":"board"`, `"queue":{"depth":0,"oldest_age_s":0,"by_class":null`, `"at_risk_s":0`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
}

func TestValuesThatAreNoNumbers(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		b, err := json.Marshal(Value{Name: "x", Value: Number(f)})
		if err != nil || !strings.Contains(string(b), `"value":null`) {
			t.Errorf("got %s, %v", b, err)
		}
		var back Value
		if err := json.Unmarshal(b, &back); err != nil || !math.IsNaN(float64(back.Value)) {
			t.Errorf("got %+v, %v", back, err)
		}
	}
}

type hintedFault struct{ error }

func (hintedFault) Hint() string { return "look under it" }

func TestErrorsAreJSON(t *testing.T) {
	path := serve(t, ServerOptions{
		MaxBody:      1000,
		AnswerWithin: 200 * time.Millisecond,
		Provider: Provider{
			Status:   returns(Status{AtRiskS: math.NaN()}, nil),
			Sensors:  returns(Sensors{}, fmt.Errorf("ask sampler: %w", hintedFault{errors.New("it is hung")})),
			Commands: func(ctx context.Context) (Commands, error) { <-ctx.Done(); return Commands{}, ctx.Err() },
			Flush:    returns(Flushed{}, nil),
		},
	})
	long := strings.Repeat("x", 1001)
	for _, c := range []struct {
		request string
		status  int
		want    string
	}{
		{"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, `{"error":"no such route: /v1/nothing","hint":"GET /v1/ lists them"}`},
		{"GET /v1/%1b%5B31m HTTP/1.1\r\nHost: a\r\n\r\n", 404, `{"error":"no such route: /v1/?[31m","hint":"GET /v1/ lists them"}`},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404, `{"error":"no such route: /","hint":"GET /v1/ lists them"}`},
		{"GET /v1/queue HTTP/1.1\r\nHost: a\r\n\r\n", 404, `{"error":"no such route: /v1/queue","hint":"GET /v1/ lists them"}`}, // nil in the Provider
		{"GET /v1/../v1/status HTTP/1.1\r\nHost: a\r\n\r\n", 404, `{"error":"no such route: /v1/../v1/status","hint":"GET /v1/ lists them"}`},
		{"GET /v1/flush HTTP/1.1\r\nHost: a\r\n\r\n", 405, `{"error":"GET is not possible here","hint":"use POST"}`},
		{"DELETE /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", 405, `{"error":"DELETE is not possible here","hint":"use GET"}`},
		{"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", 500, `{"error":"encode answer: json: unsupported value: NaN"}`},
		{"GET /v1/sensors HTTP/1.1\r\nHost: a\r\n\r\n", 500, `{"error":"ask sampler: it is hung","hint":"look under it"}`},
		{"GET /v1/commands HTTP/1.1\r\nHost: a\r\n\r\n", 504, `{"error":"context deadline exceeded"}`},
		{"GET /v1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + long, 413, `{"error":"request is larger than 1000 bytes"}`},
		{"GET /v1/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + long + "\r\n0\r\n\r\n", 413, `{"error":"request is larger than 1000 bytes"}`},
		{"GET /v1/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, `{"error":"request was not received: invalid byte in chunk length"}`},
	} {
		status, head, body := ask(t, "unix", path, c.request)
		if status != c.status || strings.TrimSpace(body) != c.want || head.Get("Content-Type") != "application/json" {
			t.Errorf("%.60q: %d %s, want %d %s", c.request, status, body, c.status, c.want)
		}
		if status == 405 && head.Get("Allow") == "" {
			t.Errorf("%.60q: no Allow", c.request)
		}
	}
}

func TestLargeHeadIsRefused(t *testing.T) {
	path := serve(t, ServerOptions{MaxHead: 1})
	status, _, _ := ask(t, "unix", path, "GET /v1/ HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 5000)+"\r\n\r\n")
	if status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", status)
	}
}

// A client that does not get on is cut off, and its place is free again.
func TestSlowClientIsCutOff(t *testing.T) {
	for name, beginning := range map[string]string{
		"silent":    "",
		"half head": "GET /v1/ HTTP/1.1\r\nHo",
		"half body": "GET /v1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
		"idle":      "GET /v1/ HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := serve(t, ServerOptions{HeaderWithin: 500 * time.Millisecond, ReadWithin: time.Second, MaxConns: 1})
			slow, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer slow.Close()
			if err := slow.SetDeadline(time.Now().Add(hang)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(slow, beginning); err != nil && !errors.Is(err, syscall.EPIPE) { // cut off already
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			if _, err := NewClient(path).Contents(ctx); err != nil {
				t.Errorf("the next client, while the slow one has the only place: %v", err)
			}
			if _, err := io.Copy(io.Discard, slow); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the slow client was never cut off")
			}
		})
	}
}

func TestChangesNeedAKnownPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	called := false
	serveOn(t, l, ServerOptions{Provider: Provider{
		Status: returns(Status{}, nil),
		Flush:  func(context.Context) (Flushed, error) { called = true; return Flushed{}, nil },
	}})
	status, _, body := ask(t, "tcp", l.Addr().String(), "POST /v1/flush HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	if status != 403 || called || !strings.Contains(body, "cannot tell who is asking") {
		t.Errorf("got %d %s, called %v", status, body, called)
	}
	if status, _, body := ask(t, "tcp", l.Addr().String(), "GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n"); status != 200 {
		t.Errorf("got %d %s", status, body)
	}
}

func TestWhoMayChange(t *testing.T) {
	for _, c := range []struct {
		uid, owner int
		want       bool
	}{{0, 0, true}, {0, 100, true}, {100, 100, true}, {101, 100, false}, {100, 0, false}, {65534, 100, false}} {
		if err := allowed(Peer{UID: c.uid}, c.owner, true); (err == nil) != c.want {
			t.Errorf("user %d, agent of user %d: %v", c.uid, c.owner, err)
		}
	}
}

// The end of the context ends requests under way; a listener that fails is told.
func TestServeEnds(t *testing.T) {
	l, err := Listen(tempPath(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := NewServer(ServerOptions{AnswerWithin: hang, Provider: Provider{
		Status: func(ctx context.Context) (Status, error) { cancel(); <-ctx.Done(); return Status{}, ctx.Err() },
	}})
	go func() { _, _ = NewClient(l.Addr().String()).Status(context.Background()) }()
	if err := s.Serve(ctx, l); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(l.Addr().String()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}

	l, err = Listen(tempPath(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}
