package wsserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var testOptions = Options{
	Serves:      func(path string) bool { return path == "/$iothub/websocket" },
	Subprotocol: "AMQPWSB10",
}

// pipe returns two ends of a TCP connection on the loopback interface.
func pipe(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	return client, server
}

// goodRequest is the handshake of the RFC's example, as Node's device SDK asks.
const goodRequest = "GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\n" +
	"Host: localhost:443\r\n" +
	"Upgrade: WebSocket\r\n" +
	"Connection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Protocol: mqtt, AMQPWSB10\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// ask sends a request and returns the answer and what Accept said.
func ask(t *testing.T, request string) (*http.Response, error) {
	t.Helper()
	client, server := pipe(t)
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	c, err := Accept(server, testOptions)
	if err == nil && c == nil {
		t.Fatal("neither a connection nor an error")
	}
	answer, readErr := http.ReadResponse(bufio.NewReader(client), nil)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return answer, err
}

func TestAccept(t *testing.T) {
	answer, err := ask(t, goodRequest)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Sec-Websocket-Accept":     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-Websocket-Protocol":   "AMQPWSB10",
		"Upgrade":                  "websocket",
		"Connection":               "Upgrade",
		"Sec-Websocket-Extensions": "",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if answer.StatusCode != 101 {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestAcceptRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(goodRequest, old) {
			t.Fatalf("no %q in the request", old)
		}
		return strings.Replace(goodRequest, old, new, 1)
	}
	for name, tc := range map[string]struct {
		request string
		status  int
	}{
		"other path":        {change("/$iothub/websocket", "/devices"), 404},
		"POST":              {change("GET", "POST"), 405},
		"plain HTTP":        {change("Upgrade: WebSocket\r\n", ""), 426},
		"no connection":     {change("keep-alive, Upgrade", "keep-alive"), 426},
		"old version":       {change("Version: 13", "Version: 8"), 426},
		"no key":            {change("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400},
		"short key":         {change("dGhlIHNhbXBsZSBub25jZQ==", "AAAA"), 400},
		"no subprotocol":    {change("Sec-WebSocket-Protocol: mqtt, AMQPWSB10\r\n", ""), 400},
		"other subprotocol": {change("mqtt, AMQPWSB10", "mqtt, amqp"), 400},
		"with a body":       {change("Host:", "Content-Length: 3\r\nHost:"), 400},
		"no HTTP":           {"GET nonsense\r\n\r\n", 400},
		"too long":          {change("Host:", "X: "+strings.Repeat("x", maxRequest)+"\r\nHost:"), 431},
	} {
		answer, err := ask(t, tc.request)
		if answer.StatusCode != tc.status || err == nil {
			t.Errorf("%s: %d, %v; want %d", name, answer.StatusCode, err, tc.status)
		}
		if want := map[string]string{"old version": "13"}[name]; answer.Header.Get("Sec-WebSocket-Version") != want {
			t.Errorf("%s: version offered is %q", name, answer.Header.Get("Sec-WebSocket-Version"))
		}
	}
}

func TestAcceptOfAClientThatHangsUp(t *testing.T) {
	client, server := pipe(t)
	if _, err := io.WriteString(client, goodRequest[:70]); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if _, err := Accept(server, testOptions); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v, want unexpected EOF", err)
	}
}

// A client that never ends its request does not hold its place for ever.
func TestAcceptTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go fmt.Fprint(client, "GET / HTTP/1.1\r\n")
		begun := time.Now()
		_, err := Accept(server, testOptions)
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != 30*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}
