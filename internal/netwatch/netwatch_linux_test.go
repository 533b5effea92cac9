package netwatch

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// message is what the kernel says of a line or a route.
func message(kind uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(append(b, make([]byte, syscall.NLMSG_HDRLEN-6)...), data...)
}

func link(kind uint16, index, flags uint32) []byte {
	data := binary.NativeEndian.AppendUint32(make([]byte, 4), index)
	data = binary.NativeEndian.AppendUint32(data, flags)
	return message(kind, append(data, 0, 0, 0, 0)...)
}

func route(bits byte) []byte {
	return message(syscall.RTM_NEWROUTE, append([]byte{syscall.AF_INET, bits}, make([]byte, syscall.SizeofRtMsg-2)...)...)
}

func TestCame(t *testing.T) {
	const up = syscall.IFF_UP | syscall.IFF_RUNNING
	l := lines{}
	for i, v := range []struct {
		says []byte
		want bool
	}{
		{link(syscall.RTM_NEWLINK, 2, syscall.IFF_UP), false},
		{link(syscall.RTM_NEWLINK, 2, up), true},
		{link(syscall.RTM_NEWLINK, 2, up), false}, // it is only talked about
		{link(syscall.RTM_NEWLINK, 2, syscall.IFF_UP), false},
		{link(syscall.RTM_NEWLINK, 2, up), true},
		{link(syscall.RTM_DELLINK, 2, up), false},
		{append(link(syscall.RTM_NEWLINK, 3, 0), link(syscall.RTM_NEWLINK, 2, up)...), true},
		{route(24), false},
		{route(0), true},
		{message(syscall.RTM_NEWLINK, 1), false},
		{message(syscall.RTM_NEWROUTE), false},
		{[]byte("nonsense"), false},
	} {
		if got := l.came(v.says); got != v.want {
			t.Errorf("message %d: %v", i, got)
		}
	}
}

// In a network of its own a machine gets its first line with a carrier.
func TestWatchHearsTheKernel(t *testing.T) {
	skip := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never let go: the thread ends with its namespace
		skip <- hear(t)
	}()
	select {
	case why := <-skip:
		if why != nil {
			t.Skip(why)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing is heard")
	}
}

// hear returns why it cannot be tried.
func hear(t *testing.T) (skip error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("no network of its own: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	came := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var switching sync.WaitGroup
	defer switching.Wait()
	// The loopback goes up and down until it is heard: the watch listens some time.
	switching.Go(func() {
		defer cancel()
		for flags := uint16(unix.IFF_UP); ; flags ^= unix.IFF_UP {
			ifr, err := unix.NewIfreq("lo")
			if err == nil {
				ifr.SetUint16(flags)
				err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
			}
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case <-came:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	w := &Watch{Came: func() {
		select {
		case came <- struct{}{}:
		default:
		}
	}}
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
	return nil
}
