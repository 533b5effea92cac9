package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"fieldpost/internal/http1"
)

// What is written is what net/http reads.
func TestRequestAsNetHTTPReadsIt(t *testing.T) {
	for _, r := range []http1.Request{
		{Method: "GET", Target: "/v1/queue/peek?class=alarm&n=3", Host: "agent"},
		{Method: "POST", Target: "/v1/commands", Host: "agent", Header: http1.Header{"Content-Type": {"application/json"}, "A": {"x", "y"}}, Body: []byte(`{"name":"ping"}`)},
		{Method: "POST", Target: "/v1/flush", Host: "agent"},
		{Method: "CONNECT", Target: "hub.example:443", Host: "hub.example:443", Header: http1.Header{"Proxy-Authorization": {"Basic eA=="}}},
		{Method: "GET", Target: "/$iothub/websocket", Host: "[::1]:8443"},
		{Method: "GET", Target: "/", Host: "agent", Header: http1.Header{"X": {"a\r\nInjected: b"}}},
	} {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		in := bufio.NewReader(&b)
		got, err := http.ReadRequest(in)
		if err != nil {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || got.Method != r.Method || got.RequestURI != r.Target || got.Host != r.Host || !bytes.Equal(body, r.Body) || in.Buffered() > 0 {
			t.Errorf("%+v was read as %+v with body %q, %v", r, got, body, err)
		}
		for name, values := range r.Header {
			if name != "X" && !reflect.DeepEqual(got.Header[name], values) {
				t.Errorf("%s is %q, want %q", name, got.Header[name], values)
			}
		}
		if got.Header.Get("Injected") != "" {
			t.Error("a value became a field of its own")
		}
	}
}

// What would be another request is not sent.
func TestRequestRefused(t *testing.T) {
	for _, r := range []http1.Request{
		{Method: "GET", Target: "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /", Host: "a"},
		{Method: "GET", Target: "/a b", Host: "a"},
		{Method: "GET", Target: "", Host: "a"},
		{Method: "GET", Target: "/", Host: "a\r\nX: y"},
		{Method: "GET", Target: "/", Host: "bücher.example"},
		{Method: "", Target: "/", Host: "a"},
	} {
		var b bytes.Buffer
		if err := r.Write(&b); err == nil || b.Len() > 0 {
			t.Errorf("%+v was sent as %q, %v", r, b.String(), err)
		}
	}
}

// Answers of net/http's server are read as its own client reads them.
func TestResponseOfNetHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			fmt.Fprint(w, "hello")
		case "/chunks":
			w.Header().Set("Trailer", "Problem")
			for i := range 5 {
				fmt.Fprint(w, strings.Repeat(fmt.Sprint(i), 5000))
				w.(http.Flusher).Flush()
			}
			w.Header().Set("Problem", "none at all")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/early":
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer s.Close()
	for _, path := range []string{"/short", "/chunks", "/empty", "/early"} {
		for _, method := range []string{"GET", "HEAD"} {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			request := http1.Request{Method: method, Target: path, Host: "a", Header: http1.Header{"Connection": {"close"}}}
			if err := request.Write(conn); err != nil {
				t.Fatal(err)
			}
			got, err := http1.ReadResponse(bufio.NewReader(conn), method)
			if err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
			plain, err := http.NewRequest(method, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := http.DefaultClient.Do(plain)
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := io.ReadAll(want.Body)
			want.Body.Close()
			if err != nil || got.Status != want.StatusCode || !bytes.Equal(body, wanted) || got.Trailer.Get("Problem") != want.Trailer.Get("Problem") {
				t.Errorf("%s %s: %d, %d bytes, trailer %v; want %d, %d, %v", method, path, got.Status, len(body), got.Trailer, want.StatusCode, len(wanted), want.Trailer)
			}
		}
	}
}

// An answer that is none, or only the beginning of one, is an error.
func TestResponseThatIsNone(t *testing.T) {
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, c := range map[string]struct {
		text  string
		early bool // ends before its end
	}{
		"nothing":           {"", true},
		"half a line":       {"HTTP/1.1 20", false},
		"half a header":     {"HTTP/1.1 200 OK\r\nContent-Le", false},
		"other protocol":    {"SSH-2.0-OpenSSH_9.6\r\n\r\n", false},
		"no status":         {"HTTP/1.1 abc\r\n\r\n", false},
		"HTTP/2":            {"HTTP/2 200 OK\r\n\r\n", false},
		"short body":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true},
		"two lengths":       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", false},
		"length and chunks": {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"negative length":   {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false},
		"other coding":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false},
		"half a chunk":      {chunks + "5\r\nab", true},
		"no last chunk":     {chunks + "2\r\nab\r\n", true},
		"half a trailer":    {chunks + "0\r\nA: b\r\n", true},
		"no number":         {chunks + "zz\r\n", false},
		"longer than said":  {chunks + "2\r\nabc\r\n0\r\n\r\n", false},
		"endless line":      {chunks + "2;" + strings.Repeat("x", 10000), false},
		"endless trailer":   {chunks + "0\r\n" + strings.Repeat("A: b\r\n", 100), false},
	} {
		r, err := http1.ReadResponse(bufio.NewReader(strings.NewReader(c.text)), "GET")
		if err == nil {
			_, err = io.ReadAll(r.Body)
		}
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) != c.early {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The body of a tunnel or a WebSocket is not the answer's.
func TestResponseWithoutBody(t *testing.T) {
	for method, text := range map[string]string{
		"CONNECT": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbinary",
		"GET":     "HTTP/1.1 101 Switching Protocols\r\n\r\nbinary",
		"HEAD":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbinary",
	} {
		in := bufio.NewReader(strings.NewReader(text))
		r, err := http1.ReadResponse(in, method)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		rest, restErr := io.ReadAll(in)
		if err != nil || restErr != nil || len(body) > 0 || string(rest) != "binary" {
			t.Errorf("%s: body %q, rest %q", method, body, rest)
		}
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Problem\r\n\r\n3\r\nabc\r\n0\r\nProblem: x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, text []byte) {
		mine, err := http1.ReadResponse(bufio.NewReader(bytes.NewReader(text)), "GET")
		if err != nil {
			return
		}
		body, err := io.ReadAll(mine.Body)
		if err != nil || mine.Header["Transfer-Encoding"] == nil {
			return
		}
		// A body in chunks that is whole here is the same there.
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil || theirs.StatusCode != mine.Status {
			return // it takes early answers for the last, and knows more that is wrong
		}
		if other, err := io.ReadAll(theirs.Body); err == nil && !bytes.Equal(other, body) {
			t.Errorf("%q, and net/http reads %q", body, other)
		}
	})
}
