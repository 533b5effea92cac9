package diag

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzSocket sends raw bytes to a server that answers on every route: it must
// neither end nor hold on to the connection, whatever they are.
func FuzzSocket(f *testing.F) {
	for _, seed := range []string{
		"GET /v1/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v1/status HTTP/1.0\r\n\r\n",
		"GET /v1/events?types=reading,queue HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\nmore than asked",
		"GET /v1/log?lines=10&level=warn&follow=1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v1/queue/peek?class=alarm&n=100 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v1/bundle HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v1/pprof/heap HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/loglevel HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n{\"level\":\"debug\",\"for_s\":600.25}",
		"POST /v1/commands HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"name\":\"ping\"}\n\r\n0\r\n\r\n",
		"POST /v1/queue/dead/drop HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"all\":true}",
		"POST /v1/flush HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		"\x16\x03\x01\x00\xa5", "GET /v1/%zz HTTP/1.1\r\n\r\n", "GET http://[::1/ HTTP/1.1\r\nHost:\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	dir, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := Listen(path)
	if err != nil {
		f.Fatal(err)
	}
	const short = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := NewServer(ServerOptions{Provider: full(), HeaderWithin: short, ReadWithin: short, WriteWithin: short, ChunkWithin: short, StallWithin: short})
	go func() { ended <- server.Serve(ctx, l) }()
	f.Cleanup(func() {
		cancel()
		<-ended
		os.RemoveAll(dir)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(hang))
		_, _ = c.Write(b) // it may be cut off meanwhile
		_ = c.(*net.UnixConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
			t.Errorf("%q: the connection stays", b)
		}
		c.Close()
		// Where the processor is busy elsewhere, the server's time may run out for a
		// good question too.
		for asked := time.Now(); ; {
			at := time.Now()
			_, err := NewClient(path).Contents(t.Context())
			if err == nil {
				break
			}
			if time.Since(at) < short || time.Since(asked) > hang {
				t.Fatalf("after %q: %v", b, err)
			}
		}
	})
}
