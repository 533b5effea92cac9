package hub

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memoryPipe()
		start := time.Now()
		if err := b.SetReadDeadline(start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("read past its deadline: %v after %v", err, time.Since(start))
		}
		if err := b.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := a.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := a.Write(make([]byte, memoryBuffer+1))
		if n != memoryBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes nobody reads: %v", n, err)
		}
		a.Close()
		got, err := io.ReadAll(b)
		if len(got) != memoryBuffer || err != nil {
			t.Errorf("read %d bytes after the close, %v", len(got), err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("wrote to a closed peer")
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of a closed end: %v", err)
		}
	})
}

func TestMemoryConnWakesOnALaterDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := memoryPipe()
		start := time.Now()
		timer := time.AfterFunc(time.Second, func() { b.SetDeadline(time.Now().Add(time.Second)) })
		defer timer.Stop()
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestDialNeedsAHubInMemory(t *testing.T) {
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.door.close()
	if _, err := h.Dial(context.Background()); err == nil {
		t.Error("dialed a hub on TCP")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := openHub(t, Options{}).Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("dial of a hub that does not run: %v", err)
	}
}
