package wsserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// virtual returns a connection past the handshake, in the time of a bubble and
// without any buffer between the two ends.
func virtual(t *testing.T) (client net.Conn, c *Conn) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.WriteString(client, goodRequest)
		_, _ = http.ReadResponse(bufio.NewReader(client), nil)
	})
	c, err := Accept(server, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	asking.Wait()
	return client, c
}

// held returns the bytes of the heap that are in use.
func held() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A message without an end, in fragments of one byte or none, and one frame of
// 2^63-1 bytes: what comes is handed on, and nothing is kept.
func TestMessagesWithoutEnd(t *testing.T) {
	const rounds, most = 50_000, 256 << 10
	for name, tc := range map[string]struct {
		first, again []byte
		bytes        int64
	}{
		"one byte": {masked(opBinary, nil), masked(opContinuation, []byte("x")), rounds},
		"no byte":  {masked(opBinary, nil), masked(opContinuation, nil), 0},
		"one frame": {
			[]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), bytes.Repeat([]byte("x"), 100), rounds * 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, _, c := accepted(t)
			var sending sync.WaitGroup
			sending.Go(func() {
				write(t, client, tc.first)
				for range rounds / 100 {
					write(t, client, bytes.Repeat(tc.again, 100))
				}
				client.Close()
			})
			before := held()
			got, _ := io.Copy(io.Discard, c)
			more := held() - before
			sending.Wait()
			if got != tc.bytes || more > most {
				t.Errorf("%d bytes of %d, %d KiB are held", got, tc.bytes, more>>10)
			}
		})
	}
}

// A client that sends nothing but pings, or fragments without a byte, has said
// nothing: the reader's deadline passes.
func TestEmptyFramesKeepNobodyAlive(t *testing.T) {
	for name, frame := range map[string][]byte{"pings": masked(final|opPing, nil), "fragments": masked(opContinuation, nil)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, c := virtual(t)
				var talking sync.WaitGroup
				talking.Go(func() { _, _ = io.Copy(io.Discard, client) })
				talking.Go(func() {
					_, err := client.Write(masked(opBinary, nil))
					for err == nil {
						time.Sleep(3 * time.Second)
						_, err = client.Write(frame)
					}
				})
				begun := time.Now()
				if err := c.SetReadDeadline(begun.Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				_, err := c.Read(make([]byte, 1))
				if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				client.Close()
				talking.Wait()
			})
		})
	}
}

// Pongs that are not read hold up the connection for a while, and end it.
func TestPingsLeftUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := virtual(t)
		go func() { _, _ = client.Write(bytes.Repeat(masked(final|opPing, nil), 1000)) }()
		begun := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(begun) != controlTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		client.Close()
	})
}
