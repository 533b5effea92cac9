package netwatch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// readSize holds what the kernel says at once.
const readSize = 64 << 10

// Run listens to the kernel until ctx ends and returns nil then. The error says
// why it cannot: a sandbox may forbid it. Source: rtnetlink(7).
func (w *Watch) Run(ctx context.Context) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	conn := os.NewFile(uintptr(fd), "netlink")
	defer conn.Close()
	groups := uint32(1<<(syscall.RTNLGRP_LINK-1) | 1<<(syscall.RTNLGRP_IPV4_ROUTE-1) | 1<<(syscall.RTNLGRP_IPV6_ROUTE-1))
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	carrier := lines{}
	for buf := make([]byte, readSize); ; {
		n, err := conn.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.ENOBUFS): // what was missed may have been it
			w.Came()
		case err != nil:
			return fmt.Errorf("read netlink socket: %w", err)
		case carrier.came(buf[:n]):
			w.Came()
		}
	}
}

// lines knows which lines have a carrier, by index.
type lines map[int32]bool

// came takes in what the kernel said.
func (l lines) came(b []byte) (yes bool) {
	said, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false
	}
	for _, m := range said {
		switch m.Header.Type {
		case syscall.RTM_NEWLINK, syscall.RTM_DELLINK:
			if len(m.Data) < syscall.SizeofIfInfomsg {
				continue
			}
			// After family, padding and type: index and flags.
			index := int32(binary.NativeEndian.Uint32(m.Data[4:]))
			up := m.Header.Type == syscall.RTM_NEWLINK && binary.NativeEndian.Uint32(m.Data[8:])&syscall.IFF_RUNNING != 0
			yes = yes || up && !l[index]
			if up {
				l[index] = true
			} else {
				delete(l, index)
			}
		case syscall.RTM_NEWROUTE:
			const destinationBits = 1 // after the family
			yes = yes || len(m.Data) >= syscall.SizeofRtMsg && m.Data[destinationBits] == 0
		}
	}
	return yes
}
