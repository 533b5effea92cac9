package diag

import (
	"context"
	"flag"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

var crowd = flag.Int("crowd", 200, "clients of TestCrowd")

// However many clients sit at the socket, read nothing or ask by halves, those
// who ask are answered, and memory, goroutines and descriptors stay bounded.
func TestCrowd(t *testing.T) {
	e, ring := NewEvents(), NewLogRing(RingBytes)
	const conns = 24
	path := serve(t, ServerOptions{MaxConns: conns, Provider: Provider{Status: returns(Status{}, nil), Events: e, Log: ring}})
	before := figures()
	beginnings := []string{
		"", "GET /v1/st", "POST /v1/flush HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
		"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/log?follow=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	}
	var all []net.Conn
	for i := range *crowd {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
		_, _ = io.WriteString(c, beginnings[i%len(beginnings)]) // it may be turned away already
		e.Publish(reading("a"))
		_, _ = ring.Write([]byte("level=INFO msg=x\n"))
		if i%20 == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			client := NewClient(path)
			client.Within = hang
			if _, err := client.Status(ctx); err != nil {
				t.Fatalf("with %d clients there: %v", i+1, err)
			}
			cancel()
		}
	}
	for range 50_000 {
		e.Publish(reading("a sensor of a name that is not short"))
		_, _ = ring.Write([]byte("level=INFO msg=\"a line of the log that is not short\"\n"))
	}
	now := figures()
	// The ends of the clients are in this process too.
	if most := before.descriptors + len(all) + conns + 10; now.descriptors > most {
		t.Errorf("%d descriptors, at most %d were meant", now.descriptors, most)
	}
	if most := before.goroutines + 3*conns + 10; now.goroutines > most {
		t.Errorf("%d goroutines, at most %d were meant", now.goroutines, most)
	}
	if now.heap > before.heap+8<<20 {
		t.Errorf("%d KiB of heap, it were %d", now.heap>>10, before.heap>>10)
	}
	t.Logf("%d clients: %d goroutines, %d descriptors, %d KiB of heap more", len(all), now.goroutines-before.goroutines,
		now.descriptors-before.descriptors-len(all), (int64(now.heap)-int64(before.heap))>>10)
	for _, c := range all {
		c.Close()
	}
	for end := time.Now().Add(hang); figures().goroutines > before.goroutines+2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left of %d", figures().goroutines, before.goroutines)
		}
	}
}

type figure struct {
	goroutines, descriptors int
	heap                    uint64
}

func figures() figure {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	open, _ := os.ReadDir("/proc/self/fd") // elsewhere none are counted
	return figure{runtime.NumGoroutine(), len(open), m.HeapAlloc}
}
