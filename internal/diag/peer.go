package diag

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// Peer is who is at the other end of the socket, as the kernel tells.
type Peer struct {
	PID int
	UID int
	GID int
}

type peerKey struct{}

type peerOrError struct {
	peer Peer
	err  error
}

// PeerFrom tells who asked, in the context of a Provider function.
func PeerFrom(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(peerOrError)
	return p.peer, ok && p.err == nil
}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	p, err := PeerOf(c)
	return context.WithValue(ctx, peerKey{}, peerOrError{p, err})
}

// PeerOf asks the kernel who is at the other end of c, a connection of a unix
// socket. Linux only.
func PeerOf(c net.Conn) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, errors.New("not a unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var asked error
	if err := raw.Control(func(fd uintptr) { p, asked = credentials(fd) }); err != nil {
		return Peer{}, err
	}
	return p, asked
}

// isOwner returns nil when the peer in ctx is root or the agent's own user.
func isOwner(ctx context.Context, changes bool) error {
	p, ok := ctx.Value(peerKey{}).(peerOrError)
	if !ok {
		return errors.New("cannot tell who is asking")
	}
	if p.err != nil {
		return fmt.Errorf("cannot tell who is asking: %w", p.err)
	}
	return allowed(p.peer, os.Geteuid(), changes)
}

func allowed(p Peer, owner int, changes bool) error {
	switch {
	case p.UID == 0 || p.UID == owner:
		return nil
	case !changes:
		return fmt.Errorf("user %d may not see this: it shows the program from within", p.UID)
	}
	return fmt.Errorf("user %d may look and not change", p.UID)
}
